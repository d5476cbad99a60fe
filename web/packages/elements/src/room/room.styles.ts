import { css } from 'lit';
import { threadStyles } from '../thread/thread.styles.js';
import { extrasStyles } from './extras.styles.js';
import { messageStyles } from './message.styles.js';

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
  }
  .who > * {
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

export const roomStyles = [frame, timeline, messageStyles, extrasStyles, threadStyles];
