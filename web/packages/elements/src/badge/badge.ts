import type { Client } from '@snug/client';
import { html, nothing, type TemplateResult } from 'lit';
import { SnugElement } from '../shared/base.js';
import { controls, tokens } from '../shared/tokens.styles.js';
import { badgeStyles } from './badge.styles.js';

/**
 * How many messages wait; nothing at all when there are none.
 *
 * @element snug-badge
 * @fires snug-unread - The number changed; `detail.unread`.
 * @csspart badge - The pill.
 */
export class SnugBadge extends SnugElement {
  static override styles = [tokens, controls, badgeStyles];

  private unread = 0;

  protected override clientChanged(client: Client): void {
    const read = (): void => {
      const { unread } = client.rooms.getSnapshot();
      if (unread === this.unread) return;
      this.unread = unread;
      this.requestUpdate();
      this.announce('snug-unread', { unread });
    };
    this.keep(client.rooms.subscribe(read));
    read();
  }

  protected override render(): TemplateResult | typeof nothing {
    if (this.unread <= 0) return nothing;
    return html`<span class="badge" part="badge"><span aria-hidden="true">${this.unread > 99 ? '99+' : this.unread}</span><span class="sr">${this.words.count('unread', this.unread)}</span></span>`;
  }
}
