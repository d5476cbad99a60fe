import { css } from 'lit';

const frame = css`
  :host {
    block-size: var(--snug-height, 640px);
    background: var(--snug-bg);
    overflow: clip;
  }
  :host(:not([nested])) {
    border-radius: var(--snug-radius);
  }
  :host([nested]) {
    block-size: 100%;
  }
  .room {
    position: relative;
    display: flex;
    flex-direction: column;
    block-size: 100%;
    min-block-size: 0;
    /* The pane may be wider than the 960 px that are read. */
    --edge: max(20px, calc(50% - 460px));
  }
  :host(:not([nested])) .room {
    padding-block-end: var(--keyboard, 0px);
  }
  header {
    flex: none;
    display: flex;
    align-items: center;
    gap: 12px;
    block-size: 64px;
    padding-inline: var(--edge) max(10px, calc(50% - 470px));
    border-block-end: 1px solid var(--snug-line);
  }
  header.backed {
    gap: 8px;
    padding-inline-start: 4px;
  }
  .who {
    flex: 1;
    min-inline-size: 0;
  }
  .who h2 {
    margin: 0;
    font-size: 16px;
    line-height: 1.3;
    font-weight: 640;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    text-align: start;
  }
  .who p {
    margin: 0;
    font-size: 13px;
    line-height: 1.35;
    color: var(--snug-text-quiet);
  }
  .context {
    flex: none;
    display: flex;
    align-items: center;
    gap: 12px;
    min-block-size: 56px;
    margin-block: 12px 0;
    margin-inline: var(--edge);
    padding-block: 8px;
    padding-inline: 8px 4px;
    border-radius: 12px;
    background: var(--snug-surface);
    font-size: 13.5px;
    line-height: 1.35;
  }
  .context img {
    flex: none;
    inline-size: 40px;
    block-size: 40px;
    border-radius: 8px;
    object-fit: cover;
  }
  .about {
    flex: 1;
    min-inline-size: 0;
    padding-inline-start: 4px;
  }
  .about > * {
    display: block;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .about b {
    font-size: 14px;
    font-weight: 640;
  }
  .about span {
    color: var(--snug-text-quiet);
  }
  .context a {
    display: grid;
    place-items: center;
    min-block-size: 44px;
    margin-block: -4px;
    padding-inline: 12px;
    border-radius: 10px;
    font-weight: 600;
    text-decoration: none;
    color: var(--snug-accent);
  }
  .context a:hover {
    background: color-mix(in srgb, var(--snug-accent) 8%, transparent);
  }
  .stage {
    position: relative;
    flex: 1;
    min-block-size: 0;
    display: flex;
    flex-direction: column;
  }
  .bar {
    inset: 8px 0 auto;
    inline-size: fit-content;
    max-inline-size: calc(100% - 40px);
    margin-inline: auto;
    border-radius: 14px;
    box-shadow: 0 2px 10px #0f172a1f;
  }
  snug-composer {
    flex: none;
    padding-inline: max(0px, calc(50% - 480px));
  }
  .foot {
    flex: none;
    display: flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    margin: 0;
    padding: 20px 16px max(24px, env(safe-area-inset-bottom));
    font-size: 13.5px;
    text-align: center;
    color: var(--snug-text-quiet);
  }
  .typing {
    flex: none;
    display: flex;
    align-items: center;
    gap: 8px;
    block-size: 22px;
    padding-inline: max(24px, calc(50% - 456px));
    font-size: 13px;
    color: var(--snug-text-quiet);
  }
  .typing-text {
    min-inline-size: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .dots {
    display: inline-flex;
    gap: 3px;
  }
  .dots i {
    inline-size: 5px;
    block-size: 5px;
    border-radius: 50%;
    background: currentColor;
    animation: dot 1.2s ease-in-out infinite;
  }
  .dots i:nth-child(2) {
    animation-delay: 0.15s;
  }
  .dots i:nth-child(3) {
    animation-delay: 0.3s;
  }
  @keyframes dot {
    0%,
    60%,
    100% {
      opacity: 0.35;
      transform: none;
    }
    30% {
      opacity: 1;
      transform: translateY(-2px);
    }
  }
`;

const timeline = css`
  .timeline {
    flex: 1;
    min-block-size: 0;
    overflow: hidden auto;
    overflow-anchor: none;
    /* What scrolls away fades under the header. */
    mask-image: linear-gradient(transparent, #000 14px);
    container-type: inline-size;
    overscroll-behavior: contain;
    scrollbar-width: thin;
    scrollbar-color: var(--snug-line) transparent;
  }
  .timeline:focus-visible {
    outline-offset: -3px;
    border-radius: 12px;
  }
  .rows {
    display: flex;
    flex-direction: column;
    justify-content: flex-end;
    min-block-size: 100%;
    padding-block: 8px 4px;
    padding-inline: var(--edge);
  }
  .day,
  .system {
    align-self: center;
    max-inline-size: 85%;
    font-size: 12px;
    text-align: center;
    color: var(--snug-text-quiet);
  }
  .day {
    padding-block: 16px 8px;
  }
  .system {
    padding-block: 8px 4px;
    text-wrap: balance;
    overflow-wrap: anywhere;
  }
  .new {
    display: flex;
    align-items: center;
    gap: 12px;
    margin-block: 14px 4px;
    font-size: 12px;
    font-weight: 600;
    color: var(--snug-accent);
  }
  .new::before,
  .new::after {
    content: '';
    flex: 1;
    block-size: 1px;
    background: var(--snug-accent);
    opacity: 0.35;
  }
  .jump {
    position: absolute;
    inset-block-end: 8px;
    inset-inline-end: max(16px, calc(50% - 464px));
    z-index: 2;
    display: grid;
    place-items: center;
    inline-size: 44px;
    block-size: 44px;
    border-radius: 50%;
    color: var(--snug-text);
    background: var(--snug-bg);
    box-shadow:
      inset 0 0 0 1px var(--snug-line),
      0 4px 16px #0f172a2e;
    animation: rise 160ms ease-out both;
  }
  .jump:hover {
    background: var(--snug-surface);
  }
  .jump .badge {
    position: absolute;
    inset-block-start: -8px;
    inset-inline-end: -4px;
  }
  .older {
    display: flex;
    flex-direction: column;
    gap: 2px;
    block-size: 96px;
    justify-content: flex-end;
    padding-block-end: 8px;
  }
  .older.failed-older {
    align-items: center;
    gap: 8px;
    font-size: 13px;
    color: var(--snug-text-quiet);
  }
  .bone {
    display: block;
    border-radius: 18px;
    background: var(--snug-other);
    animation: breathe 1.4s ease-in-out infinite alternate;
  }
  .bone.b1 {
    inline-size: 44%;
    block-size: 36px;
  }
  .bone.b2 {
    inline-size: 30%;
    block-size: 36px;
  }
  .bone.face {
    flex: none;
    inline-size: 40px;
    block-size: 40px;
    border-radius: 50%;
  }
  .bone.title {
    inline-size: 132px;
    max-inline-size: 60%;
    block-size: 14px;
    border-radius: 7px;
  }
  .bones {
    gap: 4px;
  }
  .bone.line {
    flex: none;
    inline-size: 46%;
    max-inline-size: 560px;
    block-size: 38px;
  }
  .bone.line.b {
    inline-size: 32%;
  }
  .bone.line.c {
    inline-size: 54%;
    margin-block-start: 10px;
  }
  .bone.line.d {
    inline-size: 26%;
    margin-block-start: 10px;
  }
  .bone.line.own {
    align-self: flex-end;
    background: color-mix(in srgb, var(--snug-own) 20%, var(--snug-bg));
  }
  @keyframes breathe {
    to {
      opacity: 0.5;
    }
  }
  @keyframes rise {
    from {
      opacity: 0;
      transform: translateY(8px);
    }
  }
`;

const message = css`
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
    stroke-width: 1.9;
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
    .bone {
      border: 1px solid;
    }
  }
`;

export const roomStyles = [frame, timeline, message];
