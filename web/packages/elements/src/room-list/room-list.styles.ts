import { css } from 'lit';

export const roomListStyles = css`
  :host {
    block-size: var(--snug-height, 640px);
    background: var(--snug-surface);
    overflow: clip;
  }
  :host(:not([nested])) {
    border-radius: var(--snug-radius);
  }
  :host([nested]) {
    block-size: 100%;
  }
  .list {
    position: relative;
    display: flex;
    flex-direction: column;
    block-size: 100%;
    min-block-size: 0;
  }
  header {
    flex: none;
    display: flex;
    align-items: center;
    gap: 4px;
    block-size: 64px;
    padding-inline: 16px 10px;
  }
  h2 {
    flex: 1;
    min-inline-size: 0;
    margin: 0;
    font-size: 20px;
    font-weight: 680;
    letter-spacing: -0.01em;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .rows {
    flex: 1;
    min-block-size: 0;
    margin: 0;
    padding: 0 8px 8px;
    list-style: none;
    overflow-y: auto;
    overscroll-behavior: contain;
    scrollbar-width: thin;
    scrollbar-color: var(--snug-line) transparent;
  }
  .row {
    inline-size: 100%;
    block-size: 72px;
    display: flex;
    align-items: center;
    gap: 12px;
    padding-inline: 8px;
    border-radius: 12px;
    transition: background-color 120ms ease-out;
  }
  .invitation {
    display: flex;
    gap: 12px;
    padding: 8px;
  }
  .invitation .line {
    min-block-size: 0;
    padding-block-end: 4px;
  }
  .row:hover {
    background: color-mix(in srgb, var(--snug-text) 4%, transparent);
  }
  .row:active {
    background: color-mix(in srgb, var(--snug-text) 8%, transparent);
  }
  .row[aria-current] {
    background: var(--snug-selected);
  }
  .row:focus-visible {
    outline-offset: -2px;
  }
  .mid {
    flex: 1;
    min-inline-size: 0;
  }
  .line {
    display: flex;
    align-items: center;
    gap: 8px;
    min-block-size: 22px;
  }
  .name,
  .preview {
    flex: 1;
    min-inline-size: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    text-align: start;
  }
  .name {
    font-weight: 600;
  }
  time {
    flex: none;
    font-size: 12px;
    color: var(--snug-text-quiet);
    font-variant-numeric: tabular-nums;
  }
  .preview {
    font-size: 13.5px;
    color: var(--snug-text-quiet);
  }
  .row[aria-current] :is(time, .preview) {
    color: color-mix(in srgb, var(--snug-text-quiet) 70%, var(--snug-text));
  }
  .unread .preview {
    color: var(--snug-text);
  }
  .unread time {
    color: var(--snug-accent);
    font-weight: 600;
  }
  .preview.typing,
  .row[aria-current] .preview.typing {
    color: var(--snug-accent);
  }
  /* Over the list's end, where it hides no name. */
  .bar {
    inset-block: auto 0;
    padding-block-end: max(3px, env(safe-area-inset-bottom));
  }
  .end {
    block-size: 1px;
  }
  .bone {
    display: flex;
    align-items: center;
    gap: 12px;
    block-size: 72px;
    padding-inline: 8px;
  }
  .bone i {
    display: block;
    border-radius: 7px;
    background: var(--snug-line);
    animation: breathe 1.4s ease-in-out infinite alternate;
  }
  .bone > i {
    flex: none;
    inline-size: 48px;
    block-size: 48px;
    border-radius: 50%;
  }
  .bone .mid {
    display: grid;
    gap: 10px;
  }
  .bone .mid i {
    block-size: 13px;
    inline-size: 46%;
  }
  .bone .mid i + i {
    block-size: 11px;
    inline-size: 78%;
  }
  .bone:nth-child(2n) .mid i {
    inline-size: 34%;
  }
  .bone:nth-child(2n) .mid i + i {
    inline-size: 62%;
  }
  .bone:nth-child(3n) .mid i + i {
    inline-size: 88%;
  }
  @keyframes breathe {
    from {
      opacity: 1;
    }
    to {
      opacity: 0.5;
    }
  }
  @media (forced-colors: active) {
    .row[aria-current] {
      outline: 2px solid Highlight;
      outline-offset: -2px;
    }
    .bone i {
      border: 1px solid GrayText;
    }
  }
`;
