import { css } from 'lit';

export const launcherStyles = css`
  :host {
    display: contents;
  }
  .button {
    position: fixed;
    inset-block-end: max(20px, env(safe-area-inset-bottom));
    inset-inline-end: max(20px, env(safe-area-inset-right));
    z-index: 2147482999;
    display: grid;
    place-items: center;
    inline-size: 56px;
    block-size: 56px;
    border-radius: 50%;
    color: var(--snug-own-text);
    background: var(--snug-own);
    box-shadow: var(--snug-shadow);
    transition:
      transform 140ms ease-out,
      background-color 120ms ease-out;
  }
  :host([position='start']) .button {
    inset-inline: max(20px, env(safe-area-inset-left)) auto;
  }
  .button:hover {
    background: color-mix(in srgb, var(--snug-own) 92%, #000);
    transform: translateY(-1px);
  }
  .button:active {
    transform: scale(0.95);
  }
  .button .i {
    inline-size: 26px;
    block-size: 26px;
  }
  .button .badge {
    position: absolute;
    inset-block-start: -3px;
    inset-inline-end: -3px;
    color: #fff;
    background: var(--snug-badge);
    box-shadow: 0 0 0 2px var(--snug-bg);
    animation: bump 180ms ease-out both;
  }
  @keyframes bump {
    from {
      transform: scale(0.4);
    }
  }
  @media (forced-colors: active) {
    .button {
      border: 2px solid;
    }
  }
`;
