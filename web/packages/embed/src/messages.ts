// What the page in the frame and the page around it say to each other, by
// `postMessage`. Every object carries `snug: 1`.

/** From the page around the frame. */
export type Command =
  | { type: 'open-room'; room: string }
  | { type: 'login'; token: string }
  | { type: 'logout' }
  | { type: 'theme'; theme: Theme };

export type Theme = 'light' | 'dark' | 'auto';

/** To the page around the frame. */
export type Happening =
  /** Commands are heard from now on. Says nothing else. */
  | { type: 'ready' }
  | { type: 'signed-in'; user: { id: string; name?: string | undefined } }
  | { type: 'room-opened'; room: string; title: string; kind: RoomKind }
  | { type: 'new-message'; room: string; own: boolean; message: Said }
  /**
   * A button of a card that has no address of its own. Any member may send a card, with whatever
   * action: look who sent the message before you act on it.
   */
  | {
      type: 'card-action';
      room: string;
      message: string;
      sender?: string | undefined;
      action: string;
    }
  /** The sum over the user's rooms, and the rooms whose number has changed. */
  | { type: 'unread-changed'; unread: number; rooms: RoomUnread[] }
  /** The token has run out or will within a minute: answer with `login`. */
  | { type: 'token-needed' }
  | { type: 'signed-out'; reason: string }
  | { type: 'error'; code: string; detail: string; room?: string };

export type RoomKind = 'direct' | 'group' | 'channel';

export interface Said {
  id?: string | undefined;
  seq: number;
  sender?: string | undefined;
  sender_name?: string | undefined;
  kind: string;
  text?: string | undefined;
  created_at: string;
}

export interface RoomUnread {
  room: string;
  title: string;
  kind: RoomKind;
  unread: number;
}

/** Why a command was not carried out. */
export class WrongCommand extends Error {}

const THEMES: readonly unknown[] = ['light', 'dark', 'auto'];

/** A command of ours; nothing for what other scripts say to each other. */
export function readCommand(heard: unknown): Command | undefined {
  if (typeof heard !== 'object' || heard === null) return undefined;
  const { snug, type, room, token, theme } = heard as Record<string, unknown>;
  if (snug !== 1) return undefined;
  switch (type) {
    case 'open-room':
      return { type, room: text(room, 'room') };
    case 'login':
      return { type, token: text(token, 'token') };
    case 'logout':
      return { type };
    case 'theme':
      if (!THEMES.includes(theme)) throw new WrongCommand('theme: light, dark or auto');
      return { type, theme: theme as Theme };
    default:
      throw new WrongCommand(`no such command: ${String(type).slice(0, 40)}`);
  }
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= 4096) return value;
  throw new WrongCommand(`${name}: expected a text`);
}
