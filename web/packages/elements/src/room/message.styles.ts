import { css } from 'lit';

export const messageStyles = css`
  .row {
    display: flex;
    align-items: flex-end;
    gap: 8px;
    padding-block-start: 2px;
  }
  .row.first {
    padding-block-start: 10px;
  }
  .row.own {
    justify-content: flex-end;
  }
  .row.faced:not(.last) .stack {
    margin-inline-start: 40px;
  }
  .row.fresh {
    animation: rise 160ms ease-out both;
  }
  .stack {
    display: flex;
    flex-direction: column;
    align-items: flex-start;
    min-inline-size: 0;
    max-inline-size: min(72%, 560px);
  }
  .own .stack {
    align-items: flex-end;
  }
  .sender {
    padding: 0 14px 3px;
    max-inline-size: 100%;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    font-size: 13px;
    font-weight: 600;
    color: var(--snug-text-quiet);
  }
  .line {
    display: flex;
    align-items: center;
    max-inline-size: 100%;
  }
  .own .line {
    flex-direction: row-reverse;
  }
  /* Beside the bubble, without taking of its width. */
  .more {
    flex: none;
    margin-inline: 4px -36px;
    display: grid;
    place-items: center;
    inline-size: 32px;
    block-size: 32px;
    border-radius: 50%;
    color: var(--snug-text-quiet);
    opacity: 0;
    transition: opacity 120ms ease-out;
  }
  .own .more {
    margin-inline: -36px 4px;
  }
  .more .i {
    stroke-width: 3;
  }
  .more:hover {
    background: var(--snug-surface);
  }
  .row:hover .more,
  .more:focus-visible,
  .chosen .more {
    opacity: 1;
  }
  .reactions {
    display: flex;
    flex-wrap: wrap;
    gap: 4px;
    max-inline-size: 100%;
    padding-block: 4px 2px;
  }
  .own .reactions {
    justify-content: flex-end;
  }
  .reactions button {
    position: relative;
    display: flex;
    align-items: center;
    gap: 6px;
    max-inline-size: 100%;
    min-block-size: 28px;
    padding-inline: 10px;
    border-radius: 14px;
    font-size: 13px;
    line-height: 20px;
    font-variant-numeric: tabular-nums;
    color: var(--snug-text);
    background: var(--snug-surface);
    box-shadow: inset 0 0 0 1px var(--snug-line);
  }
  /* As high as a finger needs, without the room it would take. */
  .reactions button::after {
    content: '';
    position: absolute;
    inset: -8px 0;
  }
  .reactions button[aria-pressed='true'] {
    color: var(--snug-accent);
    font-weight: 600;
    background: var(--snug-selected);
    box-shadow: inset 0 0 0 1px var(--snug-accent);
  }
  .reactions button:enabled:hover {
    background: color-mix(in srgb, var(--snug-text) 6%, var(--snug-surface));
  }
  .reactions .key {
    max-inline-size: 12ch;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .menu,
  .user-card {
    position: absolute;
    z-index: 3;
    display: flex;
    flex-direction: column;
    min-inline-size: 180px;
    max-inline-size: calc(100% - 16px);
    padding: 4px;
    border-radius: 14px;
    color: var(--snug-text);
    background: var(--snug-bg);
    box-shadow:
      inset 0 0 0 1px var(--snug-line),
      var(--snug-shadow);
    animation: rise 120ms ease-out both;
  }
  .menu p {
    margin: 0;
    padding: 10px 12px 6px;
    font-size: 13px;
    color: var(--snug-text-quiet);
  }
  .menu button {
    min-block-size: 44px;
    padding-inline: 12px;
    border-radius: 10px;
    text-align: start;
  }
  .menu button:hover {
    background: var(--snug-surface);
  }
  .menu button:focus-visible {
    outline-offset: -2px;
  }
  .menu .danger {
    color: var(--snug-danger);
  }
  .quick {
    display: flex;
  }
  .menu .quick button {
    inline-size: 44px;
    padding: 0;
    font-size: 22px;
    text-align: center;
  }
  .menu .quick [aria-checked='true'] {
    background: var(--snug-selected);
  }
  .notice:not(:empty) {
    position: absolute;
    inset: auto 0 12px;
    z-index: 3;
    inline-size: fit-content;
    max-inline-size: calc(100% - 40px);
    margin-inline: auto;
    padding: 8px 14px;
    border-radius: 14px;
    font-size: 13px;
    color: var(--snug-danger);
    background: var(--snug-bg);
    box-shadow:
      inset 0 0 0 1px var(--snug-line),
      var(--snug-shadow);
  }
  @media (pointer: coarse) {
    .line {
      -webkit-touch-callout: none;
      user-select: none;
    }
  }
  .bubble {
    --r: 18px;
    --j: 6px;
    max-inline-size: 100%;
    padding: 8px 14px;
    border-radius: var(--r);
    color: var(--snug-other-text);
    background: var(--snug-other);
    transition: background-color 160ms ease-out;
  }
  .own .bubble {
    color: var(--snug-own-text);
    background: var(--snug-own);
  }
  .other:not(.first) .bubble {
    border-start-start-radius: var(--j);
  }
  .other:not(.last) .bubble {
    border-end-start-radius: var(--j);
  }
  .own:not(.first) .bubble {
    border-start-end-radius: var(--j);
  }
  .own:not(.last) .bubble {
    border-end-end-radius: var(--j);
  }
  .text {
    /* Holds the floating time. */
    display: flow-root;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
    text-align: start;
  }
  .text a {
    text-decoration: underline;
    text-decoration-thickness: 1px;
    text-underline-offset: 2px;
    border-radius: 2px;
  }
  .other .text a {
    color: var(--snug-accent);
  }
  .own .text :focus-visible {
    outline-color: var(--snug-own-text);
  }
  .meta {
    float: inline-end;
    position: relative;
    inset-block-start: 5px;
    margin-inline-start: 10px;
    padding-block: 2px;
    font-size: 12px;
    line-height: 16px;
    font-weight: 400;
    white-space: nowrap;
    font-variant-numeric: tabular-nums;
    color: var(--snug-other-meta);
  }
  .meta bdi {
    display: flex;
    align-items: center;
    gap: 4px;
  }
  .own .meta {
    color: var(--snug-own-meta);
  }
  .tick,
  .wait {
    display: inline-flex;
  }
  .ticks {
    block-size: 11px;
    inline-size: auto;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.5;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .tick.read {
    color: var(--snug-own-text);
  }
  .tick.read .ticks {
    block-size: 13.75px;
  }
  .wait .i {
    inline-size: 13px;
    block-size: 13px;
  }
  .bubble.quiet {
    font-style: italic;
    color: var(--snug-text-quiet);
    background: none;
    box-shadow: inset 0 0 0 1px var(--snug-line);
  }
  .own .quiet .meta {
    color: var(--snug-text-quiet);
  }
  .bubble.emoji,
  .own .bubble.emoji {
    padding: 2px 4px;
    background: none;
    color: var(--snug-text);
    font-size: 34px;
    line-height: 1.2;
  }
  .bubble.emoji.n1 {
    font-size: 52px;
  }
  .bubble.emoji.n2,
  .bubble.emoji.n3 {
    font-size: 42px;
  }
  .bubble.emoji .text {
    display: flex;
    flex-wrap: wrap;
    align-items: flex-end;
  }
  .bubble.emoji .meta,
  .own .bubble.emoji .meta {
    inset-block-start: 0;
    margin-inline-start: 8px;
    color: var(--snug-text-quiet);
  }
  .bubble.emoji .tick.read {
    color: var(--snug-accent);
  }
  /* Half tone while it is on its way; a fast answer is never seen as pale. */
  .own.pending .bubble:not(.emoji) {
    animation: pale 200ms ease-out 300ms both;
  }
  .own.pending .bubble:not(.emoji) .meta {
    animation: pale-meta 200ms ease-out 300ms both;
  }
  .own.failed .bubble {
    color: var(--snug-text);
    background: color-mix(in srgb, var(--snug-own) 20%, var(--snug-bg));
  }
  .own.failed .meta {
    color: color-mix(in srgb, var(--snug-text-quiet) 60%, var(--snug-text));
  }
  .own.failed .text a {
    color: inherit;
  }
  .own.pending .bubble.emoji {
    opacity: 0.6;
  }
  @keyframes pale {
    to {
      color: var(--snug-text);
      background: color-mix(in srgb, var(--snug-own) 20%, var(--snug-bg));
    }
  }
  @keyframes pale-meta {
    to {
      color: color-mix(in srgb, var(--snug-text-quiet) 60%, var(--snug-text));
    }
  }
  .stack > .failed {
    /* Wider than its bubble where it must be. */
    inline-size: max-content;
    max-inline-size: calc(100cqi - 40px);
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: flex-end;
    margin-block: 2px -4px;
    font-size: 12.5px;
    color: var(--snug-danger);
  }
  .failed-text {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    padding-inline: 4px;
    font-weight: 600;
  }
  .failed-text .i {
    inline-size: 16px;
    block-size: 16px;
    padding: 1px;
    border-radius: 50%;
    stroke-width: 2.6;
    color: #fff;
    background: var(--snug-badge, #c2261d);
  }
  .stack > .failed button {
    min-block-size: 44px;
    min-inline-size: 44px;
    margin-block: -6px;
    padding-inline: 8px;
    border-radius: 8px;
    text-align: center;
    font-weight: 600;
    color: var(--snug-accent);
  }
  .stack > .failed button:last-child {
    color: var(--snug-danger);
  }
  .stack > .failed button:hover {
    text-decoration: underline;
    text-underline-offset: 3px;
  }
  @media (forced-colors: active) {
    .bubble,
    .jump,
    .menu,
    .reactions button,
    .bone {
      border: 1px solid;
    }
  }
`;
