// The room or thread an element shows: opened once, closed when another takes its place,
// and what of it is new. No DOM here.
import type { Client, Conversation, MessageView, RoomSnapshot } from '@snug/client';

export const NO_ROOM: RoomSnapshot = {
  status: 'closed',
  title: '',
  messages: [],
  ephemeral: [],
  hasBefore: false,
  hasAfter: false,
  loadingBefore: false,
  loadingAfter: false,
  members: new Map(),
  users: new Map(),
  typing: [],
  readBy: new Map(),
  unread: 0,
};

export class OpenedRoom {
  handle: Conversation | undefined;
  view: RoomSnapshot = NO_ROOM;
  /** Older messages could not be loaded; cleared by the next try. */
  olderFailed = false;
  private client: Client | undefined;
  private stop: (() => void) | undefined;
  private loading = false;
  private marked = 0;

  constructor(private readonly changed: () => void) {}

  /** Answers whether another room (or none) is shown from now on. */
  show(client: Client | undefined, handle: Conversation | undefined): boolean {
    if (this.client === client && this.handle === handle) return false;
    this.leave();
    this.client = client;
    if (!handle) return true;
    this.handle = handle;
    this.stop = handle.subscribe(() => {
      this.view = handle.getSnapshot();
      this.changed();
    });
    // A refusal is in the snapshot.
    handle.open().catch(() => {});
    this.view = handle.getSnapshot();
    return true;
  }

  leave(): void {
    this.stop?.();
    this.stop = undefined;
    this.handle?.close();
    this.handle = undefined;
    this.client = undefined;
    this.view = NO_ROOM;
    this.olderFailed = false;
    this.loading = false;
    this.marked = 0;
  }

  /** After a failure to load the room. */
  reopen(): void {
    const { client, handle } = this;
    if (!handle) return;
    this.leave();
    this.show(client, handle);
    this.changed();
  }

  /** The newest message the server has numbered. */
  get newest(): MessageView | undefined {
    return this.view.messages.findLast((m) => m.seq !== undefined);
  }

  loadOlder(): void {
    const { handle, view } = this;
    if (!handle || this.loading || view.loadingBefore || !view.hasBefore) return;
    this.olderFailed = false;
    this.page(handle.loadBefore(), () => {
      this.olderFailed = true;
    });
  }

  loadNewer(): void {
    const { handle, view } = this;
    if (!handle || this.loading || view.loadingAfter || !view.hasAfter) return;
    this.page(handle.loadAfter(), () => {});
  }

  private page(loading: Promise<void>, failed: () => void): void {
    const { handle } = this;
    this.loading = true;
    const done = (): void => {
      if (this.handle !== handle) return;
      this.loading = false;
      this.changed();
    };
    loading.then(done, () => {
      failed();
      done();
    });
  }

  /** Everything is seen: moves the cursor, once for each newest message. */
  markSeen(): void {
    const { newest } = this;
    if (!newest?.seq || newest.seq <= this.marked) return;
    this.marked = newest.seq;
    if (this.view.unread > 0 || !newest.own) this.handle?.markRead(newest.seq);
  }
}
