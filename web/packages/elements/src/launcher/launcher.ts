import type { Client } from '@snug/client';
import { html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import type { SnugChat } from '../chat/chat.js';
import type { StartTarget } from '../room/room.js';
import { icon } from '../shared/icons.js';
import { SnugPanelElement } from '../shared/panel.js';
import { panelStyles } from '../shared/panel.styles.js';
import { NOTHING_WAITS, shownCount, tellMentions, waitingWords } from '../shared/pill.js';
import { controls, tokens } from '../shared/tokens.styles.js';
import { launcherStyles } from './launcher.styles.js';

/**
 * A floating button with the number of unread messages; it opens the chat in a
 * panel over the page.
 *
 * @element snug-launcher
 * @attr mentions - Set by the element: how many unread messages call the user; absent when none.
 * @fires snug-open - The panel was opened.
 * @fires snug-closed - The panel was closed.
 * @csspart button - The round button.
 * @csspart panel - The panel.
 */
export class SnugLauncher extends SnugPanelElement {
  static override styles = [tokens, controls, panelStyles, launcherStyles];
  static override properties: PropertyDeclarations = {
    newChat: { type: Boolean, attribute: 'new-chat' },
  };

  /** Shows a button for a new conversation; the page answers `snug-new-chat`. */
  declare newChat: boolean;

  private waiting = NOTHING_WAITS;

  protected override clientChanged(client: Client): void {
    const read = (): void => {
      this.waiting = client.rooms.getSnapshot();
      tellMentions(this, this.waiting.mentions);
      this.requestUpdate();
    };
    this.keep(client.rooms.subscribe(read));
    read();
  }

  /** Opens the panel at a room. */
  async showRoom(room: string): Promise<void> {
    this.show();
    await this.updateComplete;
    this.chat?.openRoom(room);
  }

  /** Opens the panel at a conversation that may not exist yet. */
  async showStart(target: StartTarget): Promise<void> {
    this.show();
    await this.updateComplete;
    this.chat?.openStart(target);
  }

  private get chat(): SnugChat | null {
    return this.renderRoot.querySelector('snug-chat');
  }

  protected override panelLabel(): string {
    return this.words('messages');
  }

  protected override panelContent(): TemplateResult {
    return html`<snug-chat nested closable .client=${this.activeClient} .locale=${this.locale} .newChat=${this.newChat}></snug-chat>`;
  }

  protected override render(): TemplateResult {
    const { words, waiting } = this;
    const { unread } = waiting;
    const label = this.open ? words('close') : words('open');
    const count = unread > 0 ? `, ${waitingWords(waiting, words)}` : '';
    return html`<button type="button" class="button" part="button" aria-expanded=${this.open ? 'true' : 'false'}
        aria-haspopup="dialog" aria-label="${label}${this.open ? '' : count}" @click=${this.toggle}>
        ${icon(this.open ? 'close' : 'chat')}
        ${unread > 0 && !this.open ? html`<span class="badge" aria-hidden="true">${shownCount(unread)}</span>` : nothing}
      </button>
      ${this.renderPanel()}`;
  }

  private toggle(): void {
    if (this.open) this.hide();
    else this.show();
  }
}
