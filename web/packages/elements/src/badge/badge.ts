import type { Client } from '@snug/client';
import { nothing, type TemplateResult } from 'lit';
import { SnugElement } from '../shared/base.js';
import { NOTHING_WAITS, pill, shownCount, tellMentions, waitingWords } from '../shared/pill.js';
import { controls, tokens } from '../shared/tokens.styles.js';
import { badgeStyles } from './badge.styles.js';

/**
 * How many messages wait; nothing at all when there are none.
 *
 * @element snug-badge
 * @attr mentions - Set by the element: how many of them call the user; absent when none.
 * @fires snug-unread - A number changed; `detail.unread`, `detail.mentions`.
 * @csspart badge - The pill.
 */
export class SnugBadge extends SnugElement {
  static override styles = [tokens, controls, badgeStyles];

  private waiting = NOTHING_WAITS;

  protected override clientChanged(client: Client): void {
    const read = (): void => {
      const { unread, mentions } = client.rooms.getSnapshot();
      const { waiting } = this;
      if (unread === waiting.unread && mentions === waiting.mentions) return;
      this.waiting = { unread, mentions };
      tellMentions(this, mentions);
      this.requestUpdate();
      this.announce('snug-unread', { unread, mentions });
    };
    this.keep(client.rooms.subscribe(read));
    read();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { waiting, words } = this;
    if (waiting.unread <= 0) return nothing;
    return pill(shownCount(waiting.unread), waitingWords(waiting, words), 'badge');
  }
}
