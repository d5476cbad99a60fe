// The look in custom properties, and the few rules every element shares. A
// nested element takes its parent's tokens, so that a page sets them once.
import { css } from 'lit';

const light = css`
  --snug-bg: #ffffff;
  --snug-surface: #f4f6f9;
  --snug-text: #14181f;
  --snug-text-quiet: #586274;
  --snug-accent: #0b62d6;
  --snug-own: #0b62d6;
  --snug-own-text: #ffffff;
  --snug-own-meta: #e3eefd;
  --snug-other: #eef1f6;
  --snug-other-text: #14181f;
  --snug-other-meta: #586274;
  --snug-danger: #c2261d;
  --snug-ok: #0f7a3d;
  --snug-warn: #8a5a00;
  --snug-line: #e3e7ee;
  --snug-selected: #e4edfa;
  --snug-warn-bg: #fff4de;
  --snug-shadow: 0 12px 40px #0f172a2b, 0 2px 8px #0f172a1a;
  color-scheme: light;
`;

const dark = css`
  --snug-bg: #0f1217;
  --snug-surface: #171c23;
  --snug-text: #e9edf3;
  --snug-text-quiet: #98a3b5;
  --snug-accent: #6fa8ff;
  --snug-own: #1a63c7;
  --snug-own-text: #ffffff;
  --snug-own-meta: #e0ebfd;
  --snug-other: #1f2630;
  --snug-other-text: #e9edf3;
  --snug-other-meta: #9fabbd;
  --snug-danger: #ff7a70;
  --snug-ok: #4cc27f;
  --snug-warn: #e0b050;
  --snug-line: #262d37;
  --snug-selected: #20304a;
  --snug-warn-bg: #332810;
  --snug-shadow: 0 12px 40px #0009, 0 2px 8px #0006;
  color-scheme: dark;
`;

export const tokens = css`
  :host(:not([nested])) {
    ${light}
    --snug-radius: 16px;
    --snug-badge: #c2261d;
  }
  @media (prefers-color-scheme: dark) {
    :host(:not([nested]):not([theme='light'])) {
      ${dark}
    }
  }
  :host(:not([nested])[theme='dark']) {
    ${dark}
  }
  @media (prefers-contrast: more) {
    :host(:not([nested])) {
      --snug-text-quiet: var(--snug-text);
      --snug-other-meta: var(--snug-other-text);
      --snug-own-meta: var(--snug-own-text);
      --snug-line: var(--snug-text-quiet);
    }
  }
  :host {
    display: block;
    box-sizing: border-box;
    font-family: var(--snug-font, inherit);
    font-size: 15px;
    font-weight: 400;
    font-style: normal;
    line-height: 1.45;
    letter-spacing: normal;
    text-align: start;
    text-transform: none;
    color: var(--snug-text);
    -webkit-text-size-adjust: 100%;
    -webkit-tap-highlight-color: transparent;
  }
  :host([plain]) {
    font-family: var(
      --snug-font,
      system-ui,
      'PingFang TC',
      'Microsoft JhengHei',
      'Noto Sans TC',
      'Noto Sans CJK TC',
      'Hiragino Sans',
      sans-serif
    );
  }
  :host([hidden]) {
    display: none !important;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
`;

export const controls = css`
  button {
    font: inherit;
    color: inherit;
    letter-spacing: inherit;
    background: none;
    border: 0;
    margin: 0;
    padding: 0;
    text-align: inherit;
    cursor: pointer;
    touch-action: manipulation;
  }
  button:disabled {
    cursor: default;
  }
  a {
    color: inherit;
  }
  :focus {
    outline: none;
  }
  :focus-visible {
    outline: 2px solid var(--snug-accent);
    outline-offset: 2px;
  }
  .i {
    inline-size: 20px;
    block-size: 20px;
    flex: none;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.8;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .icon {
    inline-size: 44px;
    block-size: 44px;
    flex: none;
    border-radius: 12px;
    display: grid;
    place-items: center;
    color: var(--snug-text-quiet);
    transition: background-color 120ms ease-out;
  }
  .icon:hover {
    background: color-mix(in srgb, var(--snug-text) 6%, transparent);
  }
  .icon:active {
    background: color-mix(in srgb, var(--snug-text) 10%, transparent);
  }
  :host(:dir(rtl)) .flip {
    transform: scaleX(-1);
  }
  .action {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-block-size: 44px;
    padding: 8px 20px;
    border-radius: 22px;
    font-weight: 600;
    color: var(--snug-accent);
    background: color-mix(in srgb, var(--snug-accent) 10%, transparent);
    transition: background-color 120ms ease-out;
  }
  .action:hover {
    background: color-mix(in srgb, var(--snug-accent) 16%, transparent);
  }
  .action.main {
    background: var(--snug-own);
    color: var(--snug-own-text);
  }
  .action.main:hover {
    background: color-mix(in srgb, var(--snug-own) 92%, #000);
  }
  .sr {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .badge {
    flex: none;
    display: inline-grid;
    place-items: center;
    min-inline-size: 20px;
    block-size: 20px;
    padding-inline: 6px;
    border-radius: 10px;
    font-size: 12px;
    line-height: 20px;
    font-weight: 650;
    font-variant-numeric: tabular-nums;
    color: var(--snug-bg);
    background: var(--snug-accent);
  }
  @media (forced-colors: active) {
    .badge,
    .action,
    .icon {
      border: 1px solid;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0.01ms !important;
      animation-iteration-count: 1 !important;
      transition-duration: 0.01ms !important;
      scroll-behavior: auto !important;
    }
  }
`;
