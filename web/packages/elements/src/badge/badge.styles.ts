import { css } from 'lit';

export const badgeStyles = css`
  :host {
    display: inline-block;
    vertical-align: middle;
    line-height: 1;
  }
  :host(:not([nested])) .badge {
    color: #fff;
    background: var(--snug-badge);
  }
`;
