import { css } from 'lit';

/** The line under a message with replies, and the thread that lies over its room. */
export const threadStyles = css`
  :host {
    position: relative;
    isolation: isolate;
  }
  snug-thread {
    position: absolute;
    inset: 0;
    z-index: 4;
    block-size: auto;
    animation: appear 160ms ease-out both;
  }
  :host(:not([nested])) snug-thread {
    inset-block-end: var(--keyboard, 0px);
  }
  .thread {
    display: flex;
    align-items: center;
    gap: 6px;
    max-inline-size: 100%;
    min-block-size: 32px;
    padding-inline: 8px;
    border-radius: 10px;
    font-size: 13px;
    color: var(--snug-text-quiet);
  }
  .thread:hover {
    background: var(--snug-surface);
  }
  .thread b {
    font-weight: 600;
    color: var(--snug-accent);
  }
  .thread i {
    inline-size: 8px;
    block-size: 8px;
    border: 4px solid var(--snug-accent);
    border-radius: 50%;
  }
  .faces {
    display: flex;
    gap: 2px;
  }
  .faces .avatar {
    inline-size: 20px;
    block-size: 20px;
    font-size: 9px;
  }
  @media (pointer: coarse) {
    .thread {
      min-block-size: 44px;
    }
  }
`;
