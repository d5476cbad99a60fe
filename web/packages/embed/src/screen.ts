// What is seen: one element of ours, or a sentence in its place.
import type { Client } from '@snug/client';
import type { Theme } from './messages.js';
import type { ChatElement } from './snug.js';

export class Screen {
  readonly #main: HTMLElement;
  readonly #tag: 'snug-room' | 'snug-chat';
  #element: ChatElement | undefined;
  #theme: Theme;
  #client: Client | undefined;
  room: string | undefined;

  constructor(main: HTMLElement, room: string | undefined, one: boolean, theme: Theme) {
    this.#main = main;
    this.#tag = one ? 'snug-room' : 'snug-chat';
    this.room = room;
    this.#theme = theme;
    this.theme(theme);
  }

  say(title: string, detail = ''): void {
    this.#element = undefined;
    this.#client = undefined;
    const state = document.createElement('div');
    state.className = 'state';
    state.setAttribute('role', 'status');
    for (const text of [title, detail]) {
      if (text === '') continue;
      const line = document.createElement('p');
      line.textContent = text;
      line.dir = 'auto';
      state.append(line);
    }
    this.#main.replaceChildren(state);
  }

  /** `chosen` is called when the user opens another room himself, `renew` when he wants on. */
  show(client: Client, chosen: (room: string) => void, renew: () => void): void {
    if (this.#element && this.#client === client) return;
    const element = document.createElement(this.#tag) as ChatElement;
    element.client = client;
    element.theme = this.#theme;
    element.room = this.room;
    element.addEventListener('snug-room-open', (event) => {
      const { room } = (event as CustomEvent<{ room: string }>).detail;
      this.room = room || undefined;
      if (room) chosen(room);
    });
    element.addEventListener('snug-renew', (event) => {
      event.preventDefault();
      renew();
    });
    this.#element = element;
    this.#client = client;
    this.#main.replaceChildren(element);
  }

  open(room: string): void {
    this.room = room;
    if (this.#element) this.#element.room = room;
  }

  theme(theme: Theme): void {
    this.#theme = theme;
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    if (this.#element) this.#element.theme = theme;
  }
}
