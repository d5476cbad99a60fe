// Who somebody is: a small card beside the name, face or mention that was
// pressed, with the way to write to them. The room draws around it.
import type { MessageView, User } from '@snug/client';
import { html, nothing, type TemplateResult } from 'lit';
import type { Words } from '../locale/index.js';
import { avatar } from '../shared/avatar.js';
import { nameOf } from '../text/names.js';
import { putBeside } from './beside.js';

export interface CardHost {
  readonly root: ParentNode;
  readonly me: string | undefined;
  /** What writing to somebody does, where there is a place for it. */
  readonly write: ((user: User) => void) | undefined;
  /** The newest that is known of a user. */
  user(id: string): User;
  announce(name: string, detail: unknown): boolean;
  changed(): void;
}

export class UserCard {
  private id: string | undefined;
  private opener: HTMLElement | undefined;
  private focused = false;

  constructor(private readonly host: CardHost) {}

  /** A press on a person: the page may answer it in its own way. */
  pressed(event: Event, id: string, message: MessageView, mention = false): void {
    const opener = event.currentTarget as HTMLElement;
    const again = this.id === id && this.opener === opener;
    this.close();
    const name = mention ? 'snug-mention-click' : 'snug-user-click';
    if (again || !this.host.announce(name, { user: this.host.user(id), message })) return;
    this.id = id;
    this.opener = opener;
    this.focused = false;
    this.host.changed();
  }

  close(back = true): void {
    if (this.id === undefined) return;
    this.id = undefined;
    if (back) wayBack(this.opener)?.focus({ preventScroll: true });
    this.opener = undefined;
    this.host.changed();
  }

  render(words: Words): TemplateResult | typeof nothing {
    const { id, host } = this;
    if (id === undefined) return nothing;
    const user = host.user(id);
    const name = nameOf(user, words);
    const write = id === host.me ? undefined : host.write;
    return html`<div class="user-card" part="user-card" role="dialog" aria-label=${name} tabindex="-1"
      @keydown=${this.onKey} @focusout=${this.onFocusOut}>
      ${avatar({ id, name, picture: user.avatar ?? null })}<b dir="auto">${name}</b>
      ${
        write
          ? html`<button type="button" class="action main" @click=${() => this.write(user, write)}>${words('writeTo')}</button>`
          : nothing
      }</div>`;
  }

  private write(user: User, write: (user: User) => void): void {
    this.close();
    if (this.host.announce('snug-user-message', { user })) write(user);
  }

  /** After each drawing and scroll: beside what was pressed, as long as that is in sight. */
  readonly settle = (): void => {
    if (this.id === undefined) return;
    const card = this.host.root.querySelector<HTMLElement>('.user-card');
    const stage = card?.parentElement?.getBoundingClientRect();
    const at = this.opener?.isConnected ? this.opener.getBoundingClientRect() : undefined;
    if (!card || !stage) return;
    if (!at || at.bottom < stage.top || at.top > stage.bottom) return void this.close(false);
    putBeside(card, at, false);
    if (this.focused) return;
    this.focused = true;
    (card.querySelector('button') ?? card).focus({ preventScroll: true });
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape' && event.key !== 'Tab') return;
    event.preventDefault();
    // Not for a panel around it, which would close.
    event.stopPropagation();
    this.close();
  };

  private readonly onFocusOut = (event: FocusEvent): void => {
    const to = event.relatedTarget as Node | null;
    if (this.focused && !(event.currentTarget as Node).contains(to)) this.close(false);
  };
}

/** A face is hidden from readers and keyboards: its name instead, else where it stands. */
function wayBack(opener: HTMLElement | undefined): HTMLElement | null | undefined {
  if (!opener?.matches('.face')) return opener;
  const name = opener.closest('.row')?.querySelector<HTMLElement>('button.sender');
  return name ?? opener.closest<HTMLElement>('.timeline');
}
