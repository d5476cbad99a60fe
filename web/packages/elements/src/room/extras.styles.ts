import { css } from 'lit';

/** Mentions, quotes, cards, places and the card of a user. */
export const extrasStyles = css`
  .text :is(p, ul, blockquote, pre) {
    margin: 0;
  }
  .text pre {
    overflow-x: auto;
  }
  .text :is(ul, blockquote) {
    padding-inline-start: 18px;
  }
  .passing .bubble {
    opacity: 0.8;
  }
  .mention {
    font-weight: 600;
    color: var(--snug-accent);
    border-radius: 4px;
    overflow-wrap: anywhere;
  }
  button.mention {
    display: inline;
    max-inline-size: 100%;
    white-space: normal;
  }
  button.mention:hover,
  button.sender:hover {
    text-decoration: underline;
    text-underline-offset: 2px;
  }
  .mention.me {
    padding-inline: 3px;
    background: var(--snug-selected);
  }
  /* On an own bubble the accent would not be read. */
  .own .mention {
    color: inherit;
    background: none;
    text-decoration: underline;
    text-decoration-thickness: 1px;
    text-underline-offset: 2px;
  }
  button.sender {
    text-align: start;
  }
  .face {
    flex: none;
    border-radius: 50%;
    cursor: pointer;
  }
  .lit .bubble {
    animation: lit 1.6s ease-out;
  }
  @keyframes lit {
    0%,
    60% {
      box-shadow: 0 0 0 3px var(--snug-accent);
    }
  }
  .quote {
    display: block;
    inline-size: 100%;
    margin-block: 2px 6px;
    padding: 4px 10px;
    border-inline-start: 3px solid currentColor;
    border-radius: 6px;
    font-size: 13px;
    line-height: 1.4;
    text-align: start;
    color: inherit;
    background: color-mix(in srgb, currentColor 8%, transparent);
  }
  .other .quote {
    border-color: var(--snug-accent);
  }
  /* Darker, not lighter: white words stay readable on it. */
  .own .quote {
    background: #0002;
  }
  .quote > * {
    display: -webkit-box;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
    overflow: hidden;
    overflow-wrap: anywhere;
    text-align: start;
  }
  .quote > b {
    -webkit-line-clamp: 1;
    font-weight: 640;
  }
  .other button.quote:enabled:hover {
    background: color-mix(in srgb, currentColor 14%, transparent);
  }
  .card {
    display: flex;
    flex-direction: column;
    gap: 4px;
    inline-size: min(280px, 100%);
    overflow-wrap: anywhere;
  }
  .card img {
    inline-size: calc(100% + 20px);
    block-size: 150px;
    margin: -4px -10px 4px;
    border-radius: 12px;
    object-fit: cover;
    background: var(--snug-line);
  }
  .card b {
    font-weight: 640;
  }
  .card b,
  .card .text {
    text-align: start;
  }
  .card > a {
    font-size: 13px;
    padding-block: 4px;
  }
  .other .card a,
  .other .place u {
    color: var(--snug-accent);
  }
  .acts {
    display: flex;
    flex-wrap: wrap;
    gap: 6px;
    margin-block-start: 4px;
  }
  .act {
    flex: 1 1 auto;
    display: grid;
    place-items: center;
    min-block-size: 44px;
    padding: 6px 14px;
    border-radius: 12px;
    font-weight: 600;
    text-align: center;
    text-decoration: none;
    color: inherit;
    background: #0002;
  }
  .act:hover,
  .own button.quote:enabled:hover {
    background: #0003;
  }
  .other .act {
    color: var(--snug-accent);
    background: var(--snug-bg);
  }
  .other .act:hover {
    background: color-mix(in srgb, var(--snug-accent) 4%, var(--snug-bg));
  }
  .place {
    display: flex;
    gap: 10px;
    min-block-size: 44px;
    padding-block: 4px;
    text-decoration: none;
    overflow-wrap: anywhere;
  }
  .place > span > * {
    display: block;
    text-align: start;
  }
  .place u {
    font-size: 13px;
  }
  .own .rich :focus-visible,
  .own .quote:focus-visible {
    outline-color: var(--snug-own-text);
  }
  .own.failed .quote,
  .own.failed .act {
    color: inherit;
  }
  .user-card {
    align-items: center;
    gap: 10px;
    inline-size: 200px;
    padding: 20px 16px 16px;
  }
  .user-card b {
    max-inline-size: 100%;
    overflow-wrap: anywhere;
    text-align: center;
    font-weight: 640;
  }
  .user-card .action {
    inline-size: 100%;
  }
  @media (forced-colors: active) {
    .user-card,
    .act {
      border: 1px solid;
    }
  }
`;
