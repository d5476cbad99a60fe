// How people, rooms and happenings are called in the reader's language.
import type { Format, MessageView, RoomView, User } from '@snug/client';
import type { Words } from '../locale/index.js';
import { plain } from './markdown.js';

export function nameOf(user: User | undefined, words: Words): string {
  return user?.name || user?.id || words('unknownUser');
}

export function typingText(names: readonly string[], words: Words): string {
  const [a = '', b = ''] = names;
  if (names.length === 0) return '';
  if (names.length === 1) return words('typingOne', { a });
  return names.length === 2 ? words('typingTwo', { a, b }) : words('typingMany');
}

/** What a message says in words, whatever it is; a quote and a screen reader have no more. */
export function saidIn({ text, format, card, location }: MessageView): string {
  return (
    wordsOf(text, format) || card?.title || card?.text || location?.name || location?.address || ''
  );
}

/** A text without the marks of its format. */
function wordsOf(text: string | undefined, format: Format | undefined): string | undefined {
  return text && format ? plain(text) : text;
}

type NameById = (id: string) => string;

function listed(value: unknown, called: NameById): string {
  const ids = Array.isArray(value) ? value : [value];
  return ids
    .filter((id): id is string => typeof id === 'string')
    .map(called)
    .join(', ');
}

/** A system message as one sentence. */
export function happening(message: MessageView, called: NameById, words: Words): string {
  const system = message.system;
  const actor =
    message.sender?.id ?? (typeof system?.actor === 'string' ? system.actor : undefined);
  const name = actor ? called(actor) : '';
  const who = listed(system?.users ?? system?.user ?? [], called);
  switch (system?.type) {
    case 'room_created':
      return name ? words('sysRoomCreated', { name }) : words('sysRoomCreatedPlain');
    case 'members_added':
      return name
        ? words('sysMembersAdded', { name, who })
        : words('sysMembersAddedPlain', { who });
    case 'members_removed':
      return name
        ? words('sysMembersRemoved', { name, who })
        : words('sysMembersRemovedPlain', { who });
    case 'member_joined':
      return words('sysMembersAddedPlain', { who: who || name });
    case 'member_left':
      return words('sysMemberLeft', { who: who || name });
    case 'room_updated':
      return name ? words('sysRoomUpdated', { name }) : words('sysRoomUpdatedPlain');
    default:
      return saidIn(message);
  }
}

/** The second line of a list row. */
export function previewText(room: RoomView, words: Words): string {
  const preview = room.preview;
  if (!preview) return '';
  const text =
    wordsOf(preview.text ?? '', preview.format)
      ?.replace(/\s+/g, ' ')
      .trim() || (preview.kind === 'custom' ? words('attachment') : '');
  if (preview.kind === 'system') return text || words('sysRoomUpdatedPlain');
  // A preview does not say whether it was unsent or hidden.
  if (text === '') return words('goneMessage');
  if (preview.own) return words('youSaid', { text });
  if (room.kind !== 'direct' && preview.senderName) {
    return words('someoneSaid', { name: preview.senderName, text });
  }
  return text;
}
