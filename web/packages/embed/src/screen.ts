// What is seen: one element of ours, or a sentence in its place.
import type { Client } from '@snug/client';
import type { Theme } from './messages.js';
import type { ChatElement } from './snug.js';

export interface Shown {
  client: Client;
  /** The user has opened another room himself. */
  chosen(room: string): void;
  /** The session has ended and the user wants to go on. */
  renew(): void;
}

export class Screen {
  readonly #main: HTMLElement;
  /** A room alone; else the list, too. */
  readonly #one: boolean;
  #shown: Shown | undefined;
  #element: ChatElement | undefined;
  #theme: Theme;
  room: string | undefined;

  constructor(main: HTMLElement, room: string | undefined, one: boolean, theme: Theme) {
    this.#main = main;
    this.#one = one;
    this.room = room;
    this.#theme = theme;
    this.theme(theme);
  }

  /** A sentence, until something is shown or opened. */
  say(title: string, detail = ''): void {
    this.#element = undefined;
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

  show(shown: Shown): void {
    if (this.#element && this.#shown?.client === shown.client) return;
    this.#shown = shown;
    this.#mount();
  }

  forget(): void {
    this.#shown = undefined;
  }

  open(room: string): void {
    this.room = room;
    if (this.#element) this.#element.room = room;
    else this.#mount();
  }

  theme(theme: Theme): void {
    this.#theme = theme;
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    if (this.#element) this.#element.theme = theme;
  }

  #mount(): void {
    const shown = this.#shown;
    // A room without an id yet has nothing to show.
    if (!shown || (this.#one && this.room === undefined)) return;
    const element = document.createElement(this.#one ? 'snug-room' : 'snug-chat') as ChatElement;
    element.client = shown.client;
    element.theme = this.#theme;
    element.room = this.room;
    element.addEventListener('snug-room-open', (event) => {
      const { room } = (event as CustomEvent<{ room: string }>).detail;
      this.room = room || undefined;
      if (room) shown.chosen(room);
    });
    element.addEventListener('snug-renew', (event) => {
      event.preventDefault();
      shown.renew();
    });
    this.#element = element;
    this.#main.replaceChildren(element);
  }
}
