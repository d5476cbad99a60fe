import { css } from 'lit';

export const panelStyles = css`
  .panel {
    position: fixed;
    inset: auto;
    inset-block-end: max(88px, calc(env(safe-area-inset-bottom) + 88px));
    inset-inline-end: max(20px, env(safe-area-inset-right));
    z-index: 2147483000;
    margin: 0;
    padding: 0;
    border: 0;
    inline-size: 400px;
    max-inline-size: calc(100vw - 40px);
    block-size: min(680px, calc(100dvh - 116px));
    max-block-size: none;
    border-radius: var(--snug-radius);
    overflow: clip;
    color: var(--snug-text);
    background: var(--snug-bg);
    box-shadow:
      0 0 0 1px var(--snug-line),
      var(--snug-shadow);
    animation: pop 180ms ease-out both;
    transform-origin: 100% 100%;
  }
  :host([position='start']) .panel {
    inset-inline: max(20px, env(safe-area-inset-left)) auto;
    transform-origin: 0 100%;
  }
  .panel[hidden] {
    display: none;
  }
  .panel:focus-visible {
    outline: none;
  }
  .panel > .fill {
    display: flex;
    flex-direction: column;
    block-size: 100%;
    padding-block-end: var(--keyboard, 0px);
  }
  .panel-close {
    position: absolute;
    inset-block-start: 10px;
    inset-inline-end: 10px;
    z-index: 5;
  }
  @media (max-width: 639px) {
    .panel,
    :host([position='start']) .panel {
      inset: 0;
      inline-size: 100vw;
      max-inline-size: none;
      block-size: 100dvh;
      border-radius: 0;
      padding-block-start: env(safe-area-inset-top);
      animation-name: sheet;
    }
  }
  @keyframes pop {
    from {
      opacity: 0;
      transform: translateY(8px) scale(0.97);
    }
  }
  @keyframes sheet {
    from {
      opacity: 0;
      transform: translateY(24px);
    }
  }
  @media (forced-colors: active) {
    .panel {
      border: 1px solid;
    }
  }
`;
