// The page in the frame: hears commands, opens rooms, tells what happens.
import { type Config, readConfig, takeFromAddress } from './config.js';
import { Keep } from './keep.js';
import { type Command, type Happening, readCommand, type Theme, WrongCommand } from './messages.js';
import { Parent } from './parent.js';
import { Refused, takeCode } from './rest.js';
import { Screen } from './screen.js';
import { Session } from './session.js';
import { watchRoom, watchRooms } from './watch.js';
import { wordsFor } from './words.js';

const brought = takeFromAddress(location, history);
const config: Config = readConfig(document);
const query = new URLSearchParams(location.search);
const page = document.documentElement;
page.lang ||= navigator.language;
const words = wordsFor([page.lang, ...navigator.languages]);

const parent = new Parent(window, config);
const keep = new Keep(query.get('keep') === 'tab', config.app);
const main = document.querySelector('main') as HTMLElement;
const asked = query.get('theme');
const theme: Theme = asked === 'light' || asked === 'dark' ? asked : 'auto';
const screen = new Screen(main, config.room, config.room !== undefined, theme);

let stopRooms = () => {};
let stopRoom = () => {};

const session = new Session(
  { config, parent, keep },
  {
    client: (client) =>
      screen.show(client, watchOpened, () => {
        tell({ type: 'token-needed' });
      }),
    signedIn(client) {
      const { id, name } = client.me.getSnapshot() ?? { id: '' };
      tell({ type: 'signed-in', user: { id, name: name ?? undefined } });
      stopRooms();
      stopRooms = watchRooms(client, tell);
      if (screen.room) watchOpened(screen.room);
    },
    signedOut(reason) {
      stopRooms();
      stopRoom();
      if (reason === 'logged_out') screen.say(words.signedOut);
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
  parent.tell({ snug: 1, ...happening });
}

function watchOpened(room: string): void {
  stopRoom();
  if (session.client) stopRoom = watchRoom(session.client, room, tell);
}

function openRoom(room: string): void {
  const before = screen.room;
  screen.open(room);
  if (config.room !== undefined) {
    const path = `/embed/rooms/${encodeURIComponent(room)}`;
    history.replaceState(null, '', path + location.search + location.hash);
    // The whole chat says by itself which room it has opened.
    watchOpened(room);
  } else if (before === room) watchOpened(room);
}

function carryOut(command: Command): void {
  switch (command.type) {
    case 'open-room':
      openRoom(command.room);
      break;
    case 'login':
      void session.login(command.token);
      break;
    case 'logout':
      void session.logout();
      break;
    case 'theme':
      screen.theme(command.theme);
  }
}

parent.hear((heard) => {
  try {
    const command = readCommand(heard);
    if (command) carryOut(command);
  } catch (error) {
    if (!(error instanceof WrongCommand)) throw error;
    tell({ type: 'error', code: 'command_invalid', detail: error.message });
  }
});

async function begin(): Promise<void> {
  screen.say(words.waiting);
  parent.greet({ snug: 1, type: 'ready' });
  let token = brought.token;
  if (token === undefined && brought.code !== undefined) {
    try {
      token = await takeCode(brought.code);
    } catch (error) {
      const { code, detail } = error instanceof Refused ? error : new Refused('internal', '');
      screen.say(words.refused, detail);
      tell({ type: 'error', code, detail });
      return;
    }
  }
  token ??= keep.get();
  if (token !== undefined && session.token === undefined) await session.login(token);
}

void begin();
