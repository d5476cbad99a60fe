// Rocket.Chat's published clients, unmodified: @rocket.chat/sdk and @rocket.chat/ddp-client.
// SERVER, ROOM, ANN and BOB ("id token") come by the environment; a line per check.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(`${process.cwd()}/`);
globalThis.WebSocket ??= require('ws');
const { Rocketchat } = require('@rocket.chat/sdk');
const { DDPSDK } = require('@rocket.chat/ddp-client');
const { SERVER, ROOM } = process.env;
const [annId, annToken] = process.env.ANN.split(' ');
const [bobId, bobToken] = process.env.BOB.split(' ');
const BOUND = 15_000;

const bounded = (what, work) =>
  Promise.race([
    work,
    new Promise((_, fail) => setTimeout(() => fail(new Error(`did not come: ${what}`)), BOUND)),
  ]);
const check = (name, holds, seen) => {
  if (!holds) throw new Error(`${name}: ${JSON.stringify(seen)}`);
  console.log(`ok ${name}`);
};
const heard = (what, begin) => bounded(what, new Promise((done) => begin(done)));

// The SDK of apps: connects by DDP, logs in by REST and by DDP, sends by REST.
const logger = { debug() {}, info() {}, warn() {}, warning() {}, error: console.error };
const sdk = new Rocketchat({ host: SERVER, useSsl: false, protocol: 'ddp', logger });
await bounded('connect', sdk.connect({}));
await bounded('login', sdk.login({ username: 'ann', password: 'ann-password' }));
check('sdk login', sdk.currentLogin?.userId === annId, sdk.currentLogin);
await bounded('subscribeRoom', sdk.subscribeRoom(ROOM));
await bounded('subscribeNotifyUser', sdk.subscribeNotifyUser());
await bounded('subscribeLoggedNotify', sdk.subscribeLoggedNotify());
await bounded('subscribeNotifyAll', sdk.subscribeNotifyAll());
check('sdk subscribes', true);

// The typed client: DDP for all that has a method, REST beside it.
const ddp = DDPSDK.create(SERVER);
await bounded('ddp connect', ddp.connection.connect());
const entered = await bounded('ddp login', ddp.account.loginWithToken(bobToken));
check('ddp login', entered.id === bobId && ddp.account.uid === bobId, entered);
check('ddp user', ddp.account.user?.username === 'bob', ddp.account.user);

// A message of the SDK's reaches the typed client's stream.
const arrives = heard('the message', (done) =>
  ddp.stream('room-messages', ROOM, (message) => done(message)),
);
await new Promise((done) => setTimeout(done, 0));
await bounded('rooms/get', ddp.call('rooms/get')); // behind the subscription, in order
const sent = await bounded('sendMessage', sdk.sendMessage('from the sdk', ROOM));
check('sdk sendMessage', sent.msg === 'from the sdk', sent);
const seen = await arrives;
check('ddp hears it', seen._id === sent._id && seen.u.username === 'ann', seen);

// And the other way round, with typing first.
const typing = heard('typing', (done) =>
  sdk.onStreamData('stream-notify-room', (event) => {
    if (event.fields.eventName === `${ROOM}/typing`) done(event.fields.args);
  }),
);
await bounded('typing', ddp.call('stream-notify-room', `${ROOM}/typing`, 'bob', true));
check('sdk hears typing', JSON.stringify(await typing) === '["bob",true]');
const answered = heard('the answer', (done) =>
  sdk.onStreamData('stream-room-messages', (event) => {
    const message = event.fields.args[0];
    if (message.msg === 'from ddp') done(message);
  }),
);
const reply = await ddp.call('sendMessage', { _id: 'minted-by-ddp', rid: ROOM, msg: 'from ddp' });
check('ddp sendMessage', reply._id === 'minted-by-ddp', reply);
check('sdk hears it', (await answered)._id === 'minted-by-ddp');

// What the SDK's other calls answer.
const info = await bounded('info', sdk.info());
check('info', typeof info.version === 'string' || typeof info.info?.version === 'string', info);
const channel = await bounded('channelInfo', sdk.channelInfo({ roomId: ROOM }));
check('channelInfo', channel._id === ROOM, channel);
const direct = await bounded('createDirectMessage', sdk.createDirectMessage('bob'));
check('createDirectMessage', direct.room?.rid ?? direct.rid, direct);
const edited = await bounded(
  'editMessage',
  sdk.editMessage({ rid: ROOM, _id: sent._id, msg: 'edited' }),
);
check('editMessage', (edited.message ?? edited).msg === 'edited', edited);
await bounded('setReaction', sdk.setReaction(':tada:', sent._id));
const since = new Date(Date.now() - 60_000);
const loaded = await bounded('loadHistory', sdk.loadHistory(ROOM, since));
const shown = loaded.updated.find((message) => message._id === sent._id);
check('loadHistory', shown.msg === 'edited' && shown.reactions[':tada:'].usernames[0] === 'ann', loaded);
const users = await bounded('users.list', sdk.get('users.list', { fields: '{"name":1}' }));
check('users.list', users.users.some((user) => user._id === bobId), users);

// The typed client's REST and its log-in by the password's digest.
const rest = await bounded('rest', ddp.rest.get('/v1/me'));
check('ddp rest', rest._id === bobId, rest);
const digest = createHash('sha256').update('ann-password').digest('hex');
const other = DDPSDK.create(SERVER);
await bounded('connect', other.connection.connect());
await bounded('loginWithPassword', other.account.loginWithPassword('ann', digest));
check('ddp loginWithPassword', other.account.uid === annId);
await bounded('logout', other.account.logout());
check('ddp logout', other.account.uid === undefined);
check('the other token stands', annToken.length > 0);
const left = await bounded('leaveRoom', sdk.leaveRoom(ROOM).then(() => true));
check('leaveRoom', left);
await bounded('sdk logout', sdk.logout());
console.log('all done');
process.exit(0);
