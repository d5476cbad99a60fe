// The pictures, each one path on a 24 grid, drawn in the text's colour.
import { html, type TemplateResult } from 'lit';

const PATHS = {
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  edit: 'M5 19l1-4L16 5l3 3L9 18z',
  reply: 'M9 6l-5 5 5 5M4 11h10a6 6 0 016 6v1',
  pin: 'M12 20.5s-6.5-5-6.5-10a6.5 6.5 0 0113 0c0 5-6.5 10-6.5 10zM12 10.5v.01',
  dots: 'M6 12v.01M12 12v.01M18 12v.01',
  plus: 'M12 5v14M5 12h14',
  send: 'M12 19V6M6 12l6-6 6 6',
  down: 'M12 5v13M6 12l6 6 6-6',
  chat: 'M20 11.5c0 4-3.6 7-8 7-1 0-2-.15-2.9-.45L4.5 19.5l1.3-3.7C4.7 14.6 4 13.1 4 11.5c0-4 3.6-7 8-7s8 3 8 7z',
  lock: 'M7 11V8a5 5 0 0110 0v3M6 11h12v8H6z',
  alert: 'M12 8v5M12 16.5v.01M12 3.5l9 16H3z',
  mark: 'M12 7v6M12 16.5v.01',
  plug: 'M9 4v5M15 4v5M7 9h10v3a5 5 0 01-10 0zM12 17v4',
  clock: 'M12 8v4l3 2M12 4a8 8 0 100 16 8 8 0 000-16z',
  key: 'M14.5 9.5a4 4 0 11-3-3l7-1.5v3l-2 .5v2zM9 10v.01',
  wave: 'M8 13V6.5a1.5 1.5 0 013 0V11m0-5.5a1.5 1.5 0 013 0V11m0-3.5a1.5 1.5 0 013 0V14a6 6 0 01-6 6c-2.5 0-4-1-5.2-3L4.6 13.6a1.5 1.5 0 012.5-1.6L8 13',
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName, more = ''): TemplateResult {
  return html`<svg class="i ${more}" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]}></path></svg>`;
}

const ONE = 'M1 6.8l3 3 6.5-7';
const TWO = 'M1 6.8l3 3 6.2-7M7.3 9.1l.7.7 6.8-7';

/** One tick: stored. Two: another has got it. With a line under them: another has read it. */
export function ticks(at: 'sent' | 'delivered' | 'read'): TemplateResult {
  const box = at === 'sent' ? '0 0 12 12' : `0 0 17 ${at === 'read' ? 15 : 12}`;
  const path = at === 'sent' ? ONE : at === 'read' ? `${TWO}M2.5 13.5h11` : TWO;
  return html`<svg class="ticks" viewBox=${box} aria-hidden="true"><path d=${path}></path></svg>`;
}
