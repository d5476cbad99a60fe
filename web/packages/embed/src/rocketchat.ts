// Rocket.Chat's words for what happens in a frame: `externalCommand` in,
// `eventName` and `data` out. Only words: what is done is the same as ever.
import type { CardAction, Client, MessageView, User } from '@snug/client';
import type { Command, Happening, RoomKind } from './messages.js';

/** A room as that system's addresses name it. */
export interface Route {
  kind: 'channel' | 'group' | 'direct';
  name: string;
}

export type ForeignCommand =
  | Command
  | { type: 'go'; route: Route | undefined; path: string }
  | { type: 'status'; status: string }
  | { type: 'not-carried'; command: string };

const LETTERS: Record<RoomKind, string> = { direct: 'd', group: 'p', channel: 'c' };

export function readForeign(heard: unknown): ForeignCommand | undefined {
  if (typeof heard !== 'object' || heard === null) return undefined;
  const said = heard as Record<string, unknown>;
  const text = (name: string) => {
    const value = said[name];
    return typeof value === 'string' && value !== '' && value.length <= 4096 ? value : undefined;
  };
  // The iframe log-in of that system answers in this form.
  const token = said.event === 'login-with-token' ? text('loginToken') : undefined;
  if (token !== undefined) return { type: 'login', token };
  switch (said.externalCommand) {
    case 'login-with-token': {
      const given = text('token');
      return given === undefined ? undefined : { type: 'login', token: given };
    }
    case 'go': {
      const path = text('path');
      return path === undefined ? undefined : { type: 'go', path, route: routeOf(path) };
    }
    case 'set-user-status':
    case 'userSetStatus': {
      const status = text('status');
      return status === undefined ? undefined : { type: 'status', status };
    }
    case 'logout':
      return { type: 'logout' };
    default: {
      const command = text('externalCommand');
      return command === undefined ? undefined : { type: 'not-carried', command };
    }
  }
}

const OAUTH = 'call-custom-oauth-login';

/** What is said of a command that is not carried out. */
export function notCarried(command: string): string {
  if (command !== OAUTH) return `Snug: the command "${command}" is not carried`;
  return `Snug: "${OAUTH}" does nothing, since no OAuth service is configured: applications have none. Sign in with "login-with-token".`;
}

/** `/channel/general?layout=embedded`; nothing for an address that is no room's. */
export function routeOf(path: string): Route | undefined {
  const found = /^\/(channel|group|direct)\/([^/?#]+)/.exec(path);
  if (!found) return undefined;
  try {
    return { kind: found[1] as Route['kind'], name: decodeURIComponent(found[2] ?? '') };
  } catch {
    return undefined;
  }
}

export interface Scene {
  /** The room that is shown. */
  room: string | undefined;
  me: string | undefined;
  focus: boolean;
}

/** What happened, as that system tells it. */
export function inForeignWords(happening: Happening, scene: Scene): object[] {
  const told = (eventName: string, data: unknown) => ({ eventName, data });
  switch (happening.type) {
    case 'ready':
      return [told('startup', true)];
    case 'room-opened': {
      const { room, title, kind } = happening;
      return [told('room-opened', { _id: room, t: LETTERS[kind], name: title, fname: title })];
    }
    case 'new-message': {
      const message = messageOf(happening);
      const all = [told('new-message', message)];
      if (happening.own) return all;
      const notification = {
        title: message.u.name,
        text: message.msg,
        payload: {
          _id: message._id,
          rid: message.rid,
          sender: message.u,
          message: { msg: message.msg },
        },
      };
      const fromOpenedRoom = happening.room === scene.room;
      all.push(told('notification', { notification, fromOpenedRoom, hasFocus: scene.focus }));
      return all;
    }
    case 'unread-changed': {
      const rooms = happening.rooms.map(({ room, title, kind, unread }) =>
        told('unread-changed-by-subscription', {
          rid: room,
          t: LETTERS[kind],
          name: title,
          fname: title,
          unread,
          alert: unread > 0,
          open: true,
          u: { _id: scene.me },
        }),
      );
      return [...rooms, told('unread-changed', happening.unread)];
    }
    default:
      // That system has no word for the rest.
      return [];
  }
}

/** What an element of ours says of a press on a person or an action. */
export interface Pressed {
  user?: User;
  message?: MessageView;
  action?: CardAction;
}

export const ACTION = 'snug-card-action';

/** Presses that the page around answers in that system, instead of the frame. */
export const PRESSED: Record<string, (pressed: Pressed, room?: string) => object> = {
  'snug-mention-click': ({ user }) => onPerson('click-mention-link', user),
  'snug-user-click': ({ user }) => onPerson('click-user-card-message', user),
  'snug-user-message': ({ user }) => onPerson('click-user-card-message', user),
  // Any member may send a card: the page looks at `message.u` before it acts.
  [ACTION]: ({ message, action }, room) => {
    const { id, text = '', sender, createdAt = 0, card } = message ?? {};
    const told = {
      _id: id,
      rid: room,
      msg: text,
      ts: new Date(createdAt).toISOString(),
      u: personOf(sender?.id, sender?.name),
      actionLinks: card?.actions?.map((each) => ({ method_id: each.id, label: each.label })),
    };
    const data = { actionlink: action?.id, value: id, message: told };
    return { eventName: 'click-action-link', data };
  },
};

/** Ids here are usernames there. */
function onPerson(eventName: string, user: User | undefined): object {
  return { eventName, data: { username: user?.id } };
}

function personOf(id: string | undefined, name: string | null | undefined) {
  return { _id: id, username: id, name: name ?? id };
}

/** A link of a message's that was clicked, as that system tells it; it opens all the same. */
export function clicked(path: readonly EventTarget[]): object | undefined {
  const link = path.find((at) => at instanceof HTMLAnchorElement);
  const inMessage = path.some((at) => at instanceof Element && at.localName === 'snug-room');
  if (!link || !inMessage || !/^https?:/.test(link.href)) return undefined;
  const data = { href: link.href, text: (link.textContent ?? '').slice(0, 4096) };
  return { eventName: 'click-message-link', data };
}

function messageOf({ room, message }: Extract<Happening, { type: 'new-message' }>) {
  const { id, sender, sender_name, text, created_at } = message;
  return {
    _id: id,
    rid: room,
    msg: text ?? '',
    ts: created_at,
    u: personOf(sender, sender_name),
  };
}

function call(path: string, client: Client, token: string, more: RequestInit = {}) {
  return fetch(`/api/v1/${path}`, {
    ...more,
    headers: {
      'Content-Type': 'application/json',
      'X-Auth-Token': token,
      'X-User-Id': named(client.me.getSnapshot()?.id ?? ''),
    },
    credentials: 'omit',
    signal: AbortSignal.timeout(15_000),
  });
}

/** Says how the user is, by that system's own call. */
export async function setStatus(status: string, client: Client, token: string): Promise<void> {
  const body = JSON.stringify({ status });
  const answer = await call('users.setStatus', client, token, { method: 'POST', body });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
}

/** The id of the room that an address names, asked of that system's own calls. */
export async function roomOf({ kind, name }: Route, client: Client, token: string) {
  const field = kind === 'direct' ? 'roomId' : 'roomName';
  const answer = await call(`rooms.info?${field}=${encodeURIComponent(name)}`, client, token);
  const { room, error } = (await answer.json().catch(() => ({}))) as Answer;
  if (room) return room._id;
  if (kind === 'direct' && (await client.users([name])).length > 0) {
    // That system's addresses name a direct room by its other user, too.
    return (await client.createDirect({ user: name })).id;
  }
  throw new Error(error ?? `HTTP ${answer.status}`);
}

interface Answer {
  room?: { _id: string };
  error?: string;
}

/** An id that no header takes is sent percent-encoded. */
function named(user: string): string {
  return /^[!-$&-~]+$/.test(user) ? user : encodeURIComponent(user);
}
