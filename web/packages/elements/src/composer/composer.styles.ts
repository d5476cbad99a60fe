import { css } from 'lit';

export const composerStyles = css`
  :host {
    background: var(--snug-bg);
  }
  .composer {
    position: relative;
    display: flex;
    align-items: flex-end;
    gap: 8px;
    padding: 8px 16px max(16px, env(safe-area-inset-bottom));
  }
  .edit {
    display: flex;
    align-items: center;
    gap: 12px;
    padding-block-start: 4px;
    padding-inline: 24px 12px;
    font-size: 13px;
    line-height: 1.35;
    color: var(--snug-text-quiet);
  }
  .edit > .i {
    flex: none;
    color: var(--snug-accent);
  }
  .edit div {
    flex: 1;
    min-inline-size: 0;
  }
  .edit div > * {
    display: block;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    text-align: start;
  }
  .edit b {
    font-weight: 640;
    color: var(--snug-accent);
  }
  /* Over the field, and over what is above it. */
  .people {
    position: absolute;
    inset-inline: 16px;
    inset-block-end: calc(100% - 4px);
    z-index: 4;
    max-inline-size: 320px;
    max-block-size: 280px;
    overflow-y: auto;
    padding: 4px;
    border-radius: 14px;
    background: var(--snug-bg);
    box-shadow:
      inset 0 0 0 1px var(--snug-line),
      var(--snug-shadow);
  }
  .people > div {
    display: flex;
    align-items: center;
    gap: 10px;
    min-block-size: 44px;
    padding-inline: 8px;
    border-radius: 10px;
    cursor: pointer;
  }
  .people > div > :last-child {
    min-inline-size: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .people > :hover {
    background: var(--snug-surface);
  }
  .people > [aria-selected='true'] {
    background: var(--snug-selected);
  }
  .box {
    flex: 1;
    min-inline-size: 0;
    display: flex;
    border-radius: 22px;
    background: var(--snug-surface);
    box-shadow: inset 0 0 0 1px transparent;
    cursor: text;
    transition: box-shadow 120ms ease-out;
  }
  .box:hover {
    box-shadow: inset 0 0 0 1px var(--snug-line);
  }
  .box:focus-within {
    box-shadow: inset 0 0 0 2px var(--snug-accent);
  }
  textarea {
    flex: 1;
    min-inline-size: 0;
    display: block;
    margin: 0;
    padding: 10px 16px;
    border: 0;
    border-radius: inherit;
    background: none;
    font: inherit;
    font-size: 16px;
    line-height: 24px;
    color: var(--snug-text);
    caret-color: var(--snug-accent);
    resize: none;
    block-size: 44px;
    /* Six lines. */
    max-block-size: 164px;
    overflow-y: hidden;
    scrollbar-width: thin;
  }
  textarea:focus-visible {
    outline: none;
  }
  textarea[readonly] {
    opacity: 0.6;
  }
  textarea::placeholder {
    color: var(--snug-text-quiet);
    opacity: 1;
    white-space: nowrap;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .send {
    flex: none;
    display: grid;
    place-items: center;
    inline-size: 44px;
    block-size: 44px;
    border-radius: 50%;
    color: var(--snug-own-text);
    background: var(--snug-own);
    transition:
      transform 140ms ease-out,
      opacity 140ms ease-out,
      margin 140ms ease-out,
      visibility 140ms;
  }
  .send:hover {
    background: color-mix(in srgb, var(--snug-own) 92%, #000);
  }
  .send:active {
    transform: scale(0.94);
  }
  .send[disabled] {
    margin-inline-start: -52px;
    opacity: 0;
    visibility: hidden;
    transform: scale(0.6);
  }
  .send .i {
    stroke-width: 2.2;
  }
  @media (forced-colors: active) {
    .box,
    .people,
    .send {
      border: 1px solid;
    }
  }
`;
