// The page in the frame: hears commands, opens rooms, tells what happens.
import { type Config, readConfig, takeFromAddress } from './config.js';
import { Keep } from './keep.js';
import { type Happening, readCommand, type Theme, WrongCommand } from './messages.js';
import { Parent } from './parent.js';
import { Refused, takeCode } from './rest.js';
import {
  ACTION,
  clicked,
  type ForeignCommand,
  inForeignWords,
  notCarried,
  PRESSED,
  type Pressed,
  type Route,
  readForeign,
  roomOf,
  setStatus,
} from './rocketchat.js';
import { Screen } from './screen.js';
import { Session } from './session.js';
import { watchRoom, watchRooms } from './watch.js';
import { wordsFor } from './words.js';

const brought = takeFromAddress(location, history);
const config: Config = readConfig(document);
const { rocketchat } = config;
const query = new URLSearchParams(location.search);
const page = document.documentElement;
page.lang ||= navigator.language;
const words = wordsFor([page.lang, ...navigator.languages]);

const parent = new Parent(window, config);
// Sites of that system set one address after the other and sign in once.
const keep = new Keep(query.get('keep') === 'tab' || rocketchat !== undefined);
const main = document.querySelector('main') as HTMLElement;
const asked = query.get('theme');
const theme: Theme = asked === 'light' || asked === 'dark' ? asked : 'auto';
const one = config.room !== undefined || !!(rocketchat?.room && rocketchat.embedded);
const screen = new Screen(main, config.room, one, theme);
/** The room that an address names and that has no id yet. */
let route: Route | undefined = rocketchat?.room ?? undefined;

let stopRooms = () => {};
let stopRoom = () => {};

/** A token of that system's wire may name no app; the address's host does. */
const placed = (token: string) => `snug_at_${config.app}.${token}`;
const session = new Session(
  rocketchat && config.app ? { config, parent, keep, placed } : { config, parent, keep },
  {
    client: (client) =>
      screen.show({ client, chosen: watchOpened, renew: () => tell({ type: 'token-needed' }) }),
    signedIn(client) {
      const { id, name } = client.me.getSnapshot() ?? { id: '' };
      tell({ type: 'signed-in', user: { id, name: name ?? undefined } });
      stopRooms();
      stopRooms = watchRooms(client, tell);
      if (route) void goTo(route);
      else if (screen.room) watchOpened(screen.room);
    },
    signedOut(reason) {
      stopRooms();
      stopRoom();
      if (reason === 'logged_out') {
        screen.forget();
        screen.say(words.signedOut);
      }
      tell({ type: 'signed-out', reason });
    },
    tokenNeeded: () => tell({ type: 'token-needed' }),
    failed(code, detail) {
      // With a client, the element says what is wrong and how to mend it.
      if (!session.client) screen.say(words.refused, detail);
      tell({ type: 'error', code, detail });
    },
  },
);

function tell(happening: Happening): void {
  if (!rocketchat) {
    parent.tell({ snug: 1, ...happening });
    return;
  }
  const me = session.client?.me.getSnapshot()?.id;
  const scene = { room: screen.room, me, focus: document.hasFocus() };
  for (const told of inForeignWords(happening, scene)) parent.tell(told);
}

if (rocketchat) {
  main.addEventListener('click', (event) => {
    const told = clicked(event.composedPath());
    if (told) parent.tell(told);
  });
}

for (const [name, told] of Object.entries(PRESSED)) {
  // People have a card of ours where the page around did not ask for the room alone.
  if (name !== ACTION && !rocketchat?.embedded) continue;
  main.addEventListener(name, (event) => {
    event.preventDefault();
    const pressed = (event as CustomEvent<Pressed>).detail;
    const { message, action } = pressed;
    if (rocketchat) parent.tell(told(pressed, screen.room));
    else if (message && action && screen.room) {
      const { id, sender } = message;
      tell({
        type: 'card-action',
        room: screen.room,
        message: id,
        sender: sender?.id,
        action: action.id,
      });
    }
  });
}

function watchOpened(room: string): void {
  stopRoom();
  if (session.client) stopRoom = watchRoom(session.client, room, tell);
}

function openRoom(room: string): void {
  const before = screen.room;
  screen.open(room);
  // The whole chat says by itself which room it has opened.
  if (one || before === room) watchOpened(room);
}

async function goTo(to: Route): Promise<void> {
  route = to;
  const { client, token } = session;
  if (!client?.me.getSnapshot() || token === undefined) return;
  try {
    const room = await roomOf(to, client, token);
    if (route !== to) return;
    openRoom(room);
  } catch (error) {
    if (route === to) screen.say(words.noRoom, String(error instanceof Error ? error.message : ''));
  }
}

function carryOut(command: ForeignCommand): void {
  switch (command.type) {
    case 'open-room': {
      openRoom(command.room);
      const path = one ? `/embed/rooms/${encodeURIComponent(command.room)}` : '/embed';
      history.replaceState(null, '', path + location.search + location.hash);
      break;
    }
    case 'login':
      void session.login(command.token);
      break;
    case 'logout':
      void session.logout();
      break;
    case 'theme':
      screen.theme(command.theme);
      break;
    case 'go':
      if (!command.route) break;
      history.replaceState(null, '', command.path);
      void goTo(command.route);
      break;
    case 'status':
      void say(command.status);
      break;
    case 'not-carried':
      console.warn(notCarried(command.command));
      break;
  }
}

/** That system has no word for a refusal: it is left to who looks into the console. */
async function say(status: string): Promise<void> {
  const { client, token } = session;
  if (!client?.me.getSnapshot() || token === undefined) return;
  try {
    await setStatus(status, client, token);
  } catch (error) {
    console.warn(`Snug: the status "${status}" was not taken`, error);
  }
}

parent.hear((heard) => {
  try {
    const command = rocketchat ? readForeign(heard) : readCommand(heard);
    if (command) carryOut(command);
  } catch (error) {
    if (!(error instanceof WrongCommand)) throw error;
    tell({ type: 'error', code: 'command_invalid', detail: error.message });
  }
});

async function begin(): Promise<void> {
  screen.say(words.waiting);
  parent.greet(rocketchat !== undefined);
  let token = brought.token;
  if (token === undefined && brought.code !== undefined) {
    try {
      token = await takeCode(brought.code);
    } catch (error) {
      // The page around has given a token meanwhile.
      if (session.begun) return;
      const { code, detail } = error instanceof Refused ? error : new Refused('internal', '');
      screen.say(words.refused, detail);
      tell({ type: 'error', code, detail });
      return;
    }
  }
  token ??= keep.get();
  if (token !== undefined && !session.begun) await session.login(token);
}

void begin();
