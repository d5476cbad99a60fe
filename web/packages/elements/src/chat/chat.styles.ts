import { css } from 'lit';

export const chatStyles = css`
  :host {
    block-size: var(--snug-height, 640px);
    min-inline-size: 0;
    background: var(--snug-bg);
    border-radius: var(--snug-radius);
    overflow: clip;
  }
  :host(:not([nested])) {
    box-shadow: 0 0 0 1px var(--snug-line);
  }
  :host([nested]) {
    block-size: 100%;
    border-radius: 0;
  }
  .chat {
    display: flex;
    block-size: 100%;
    min-block-size: 0;
    /* The phone's keyboard, where it lies over the page (KeyboardInset). */
    padding-block-end: var(--keyboard, 0px);
  }
  snug-room-list {
    flex: none;
    inline-size: clamp(320px, 32%, 380px);
  }
  snug-room,
  .none {
    flex: 1;
    min-inline-size: 0;
  }
  .none {
    display: flex;
    flex-direction: column;
  }
  .narrow snug-room-list {
    inline-size: 100%;
  }
  .narrow.in-room snug-room-list {
    display: none;
  }
  .narrow snug-room {
    animation: enter 180ms ease-out both;
  }
  .narrow:not(.in-room).returned snug-room-list {
    animation: return 180ms ease-out both;
  }
  @keyframes enter {
    from {
      opacity: 0;
      transform: translateX(24px);
    }
  }
  @keyframes return {
    from {
      opacity: 0;
      transform: translateX(-16px);
    }
  }
`;
