import type { Client, Conversation } from '@snug/client';
import { html, type PropertyDeclarations, type TemplateResult } from 'lit';
import type { StringKey } from '../locale/index.js';
import { SnugConversation } from '../room/conversation.js';
import { barOf } from '../room/parts.js';

/** What an input method takes for itself. */
const COMPOSING_KEY = 229;

/**
 * The thread at a message: that message, the replies below it, and the field in which one replies.
 * Escape goes back.
 *
 * @element snug-thread
 */
export class SnugThread extends SnugConversation {
  static override properties: PropertyDeclarations = {
    thread: { type: String },
  };

  /** The id of the message at which it hangs. */
  declare thread: string | undefined;

  constructor() {
    super();
    this.addEventListener('keydown', this.onEscape);
  }

  protected override handleOf(client: Client): Conversation | undefined {
    const { room, thread } = this;
    return room && thread ? client.room(room).thread(thread) : undefined;
  }

  protected override get rootId(): string | undefined {
    return this.thread;
  }

  protected override get label(): string {
    return this.words('thread');
  }

  protected override get placeholder(): string {
    return this.words('replyInThread');
  }

  protected override header(): TemplateResult {
    const { words } = this;
    const { title } = this.opened.view;
    return barOf(
      this.ways,
      html`<div class="who"><h2>${words('thread')}</h2><p><bdi>${title}</bdi></p></div>`,
    );
  }

  protected override ended(): StringKey | undefined {
    // The server takes no reply to what is gone.
    const { deleted, hidden } = this.opened.view.messages[0] ?? {};
    if (deleted) return 'unsentMessage';
    return hidden ? 'hiddenMessage' : super.ended();
  }

  private onEscape(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || !this.back) return;
    if (event.isComposing || event.keyCode === COMPOSING_KEY) return;
    // Not for a panel around it, which would close.
    event.stopPropagation();
    this.announce('snug-back', {});
  }
}
