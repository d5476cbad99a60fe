import { css } from 'lit';

export const startStyles = css`
  :host {
    display: inline-block;
  }
  .begin {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    inline-size: 100%;
    min-block-size: 44px;
    padding: 8px 20px;
    border-radius: 22px;
    font-weight: 600;
    text-align: center;
    color: var(--snug-own-text);
    background: var(--snug-own);
    transition: background-color 120ms ease-out;
  }
  .begin:hover {
    background: color-mix(in srgb, var(--snug-own) 92%, #000);
  }
  .begin[aria-busy='true'] {
    background: color-mix(in srgb, var(--snug-own) 80%, #000);
    cursor: progress;
  }
  /* The button's own place in the page says nothing about the panel's text. */
  .panel {
    text-align: start;
    white-space: normal;
  }
  @media (min-width: 640px) {
    .panel {
      inset-block-end: max(20px, env(safe-area-inset-bottom));
      block-size: min(640px, calc(100dvh - 40px));
    }
  }
  @media (forced-colors: active) {
    .begin {
      border: 1px solid;
    }
  }
`;
