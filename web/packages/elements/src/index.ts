// Every element, defined when this is imported in a browser. Importing it on a
// server only gives the classes.
import { ConfigurationError, SnugClient, SnugError } from '@snug/client';
import { SnugBadge } from './badge/badge.js';
import { SnugChat } from './chat/chat.js';
import { SnugComposer } from './composer/composer.js';
import { SnugLauncher } from './launcher/launcher.js';
import { addLanguage } from './locale/index.js';
import { SnugRoom } from './room/room.js';
import { SnugRoomList } from './room-list/room-list.js';
import { SnugStart } from './start/start.js';
import { SnugThread } from './thread/thread.js';

export type * from '@snug/client';
export type { StringKey, Strings } from './locale/index.js';
export type { StartTarget } from './room/room.js';
export {
  addLanguage,
  ConfigurationError,
  SnugBadge,
  SnugChat,
  SnugClient,
  SnugComposer,
  SnugError,
  SnugLauncher,
  SnugRoom,
  SnugRoomList,
  SnugStart,
  SnugThread,
};

const ELEMENTS = {
  'snug-composer': SnugComposer,
  'snug-room-list': SnugRoomList,
  'snug-room': SnugRoom,
  'snug-thread': SnugThread,
  'snug-chat': SnugChat,
  'snug-badge': SnugBadge,
  'snug-launcher': SnugLauncher,
  'snug-start': SnugStart,
};

/** Defines what is not defined yet; loading the script twice does no harm. */
export function defineElements(): void {
  if (typeof window === 'undefined' || typeof customElements === 'undefined') return;
  for (const [name, element] of Object.entries(ELEMENTS)) {
    if (!customElements.get(name)) customElements.define(name, element);
  }
}

defineElements();

declare global {
  interface HTMLElementTagNameMap {
    'snug-badge': SnugBadge;
    'snug-chat': SnugChat;
    'snug-composer': SnugComposer;
    'snug-launcher': SnugLauncher;
    'snug-room': SnugRoom;
    'snug-room-list': SnugRoomList;
    'snug-start': SnugStart;
    'snug-thread': SnugThread;
  }
}
