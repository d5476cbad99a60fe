// A picture, else initials on a hue that belongs to the id.
import { css, html, nothing, type TemplateResult } from 'lit';
import { hueOf, initials, safeAddress } from '../text/inline.js';

export interface Face {
  id: string;
  name: string;
  picture?: string | null;
}

function dropPicture(event: Event): void {
  (event.target as HTMLElement).hidden = true;
}

export function avatar(face: Face, size: 's' | 'm' | 'l' = 'l'): TemplateResult {
  const picture = safeAddress(face.picture);
  // `.style` goes through the CSSOM, which a strict style-src allows; a style
  // attribute would be refused.
  return html`<span class="avatar ${size}" part="avatar" aria-hidden="true" .style=${`--hue:${hueOf(face.id)}`}>${initials(face.name)}${
    picture
      ? html`<img src=${picture} alt="" loading="lazy" decoding="async" referrerpolicy="no-referrer" @error=${dropPicture}>`
      : nothing
  }</span>`;
}

// Lightness is fixed, so that white keeps 4.5:1 on every hue (measured in the tests).
export const avatarStyles = css`
  .avatar {
    position: relative;
    flex: none;
    display: grid;
    place-items: center;
    inline-size: 48px;
    block-size: 48px;
    border-radius: 50%;
    overflow: hidden;
    font-size: 17px;
    line-height: 1;
    font-weight: 600;
    color: #fff;
    background: hsl(var(--hue), 45%, 36%);
    background: oklch(0.53 0.13 var(--hue));
    user-select: none;
  }
  .avatar.m {
    inline-size: 40px;
    block-size: 40px;
    font-size: 15px;
  }
  .avatar.s {
    inline-size: 32px;
    block-size: 32px;
    font-size: 12px;
  }
  .avatar img {
    position: absolute;
    inset: 0;
    inline-size: 100%;
    block-size: 100%;
    object-fit: cover;
    background: var(--snug-surface);
  }
  .avatar img[hidden] {
    display: none;
  }
`;
