// The pictures of "nothing here": empty, refused, ended. One icon, one
// sentence, one action; the caller brings the words.
import { css, html, nothing, type TemplateResult } from 'lit';
import { type IconName, icon } from './icons.js';

export interface StateCard {
  icon: IconName;
  title: string;
  hint?: string;
  tone?: 'quiet' | 'danger';
  action?: { label: string; run: () => void; main?: boolean };
}

export function stateCard(card: StateCard): TemplateResult {
  return html`<div class="state" part="state" role="status">
    <span class="state-icon ${card.tone ?? ''}">${icon(card.icon)}</span>
    <p class="state-title" dir="auto">${card.title}</p>
    ${card.hint ? html`<p class="state-hint">${card.hint}</p>` : nothing}
    ${
      card.action
        ? html`<button type="button" class="action ${card.action.main ? 'main' : ''}" part="action" @click=${card.action.run}>${card.action.label}</button>`
        : nothing
    }
  </div>`;
}

export const stateStyles = css`
  .state {
    flex: 1;
    min-block-size: 0;
    display: flex;
    flex-direction: column;
    align-items: center;
    justify-content: center;
    gap: 4px;
    padding: 24px;
    text-align: center;
    text-wrap: balance;
    animation: appear 160ms ease-out both;
  }
  .state-icon {
    display: grid;
    place-items: center;
    inline-size: 64px;
    block-size: 64px;
    margin-block-end: 12px;
    border-radius: 50%;
    color: var(--snug-accent);
    background: color-mix(in srgb, var(--snug-accent) 10%, transparent);
  }
  .state-icon.quiet {
    color: var(--snug-text-quiet);
    background: color-mix(in srgb, var(--snug-text-quiet) 12%, transparent);
  }
  .state-icon.danger {
    color: var(--snug-danger);
    background: color-mix(in srgb, var(--snug-danger) 10%, transparent);
  }
  .state-icon .i {
    inline-size: 28px;
    block-size: 28px;
    stroke-width: 1.6;
  }
  .state p {
    margin: 0;
    max-inline-size: 340px;
  }
  .state-title {
    font-size: 17px;
    font-weight: 640;
    letter-spacing: -0.005em;
  }
  .state-hint {
    color: var(--snug-text-quiet);
  }
  .state .action {
    margin-block-start: 16px;
  }
  @keyframes appear {
    from {
      opacity: 0;
      transform: translateY(4px);
    }
  }
`;
