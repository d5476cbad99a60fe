// What may be done to a message that stands in the room: the menu beside it,
// six quick reactions, and what became of the last try. Which message it is
// for, where it stands and where the keyboard is; the room draws around it.
import type { Conversation, MessageView, RoomSnapshot } from '@snug/client';
import { html, nothing, type TemplateResult } from 'lit';
import type { StringKey, Words } from '../locale/index.js';
import { reason } from '../shared/reason.js';
import { putBeside } from './beside.js';

export const QUICK = ['👍', '❤️', '😂', '😮', '😢', '🙏'] as const;
const HOLD_MS = 450;
const HOLD_MOVES = 10;
const NOTICE_MS = 6_000;

const WHY: Record<string, StringKey> = {
  room_frozen: 'whyFrozen',
  not_a_member: 'whyNotMember',
  rate_limited: 'whyRate',
  too_large: 'whyTooLarge',
  role_too_low: 'whyNotAllowed',
  bridge_unsupported: 'whyNotHere',
  message_not_found: 'whyGone',
};

export interface MenuHost {
  readonly root: ParentNode;
  readonly handle: Conversation | undefined;
  readonly view: RoomSnapshot;
  changed(): void;
  edit(message: MessageView): void;
  reply(message: MessageView): void;
  /** Absent where no thread may be opened. */
  readonly thread: ((id: string, opener: HTMLElement | undefined) => void) | undefined;
}

/** What this user may do with a message; the server decides again. */
export function allowed(message: MessageView, view: RoomSnapshot) {
  const { room } = view;
  const mine = room?.mine;
  // What is kept nowhere has no seq.
  const { seq, status, deleted, hidden } = message;
  const stands = seq && status === 'sent' && !deleted && !hidden;
  // What was refused is kept in a room; before there is one, its menu could not find it.
  const kept = stands || (room && message.status === 'failed');
  const open = !!stands && message.kind !== 'system' && mine?.state !== 'left';
  const speaks = open && !room?.frozen;
  const rules = mine?.role === 'owner' || mine?.role === 'admin';
  return {
    react: speaks,
    reply: speaks,
    edit: speaks && message.own && message.kind === 'text',
    unsend: open && (message.own || rules),
    keep: open,
    copy: !!kept && !!message.text,
  };
}

export class MessageMenu {
  /** The message whose menu is open. */
  id: string | undefined;
  /** The message whose button the Tab key reaches. */
  current: string | undefined;
  notice: string | undefined;
  /** What for good is asked about. */
  private asks: 'unsend' | 'deleteForMe' | undefined;
  private opener: HTMLElement | undefined;
  /** The button that has the keyboard again, and to whom it goes when that one goes. */
  private heirs: HTMLElement[] = [];
  private focused = false;
  private hold: { timer: ReturnType<typeof setTimeout>; x: number; y: number } | undefined;
  private held = false;
  private noticeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly host: MenuHost) {}

  private get message(): MessageView | undefined {
    return this.host.view.messages.find(({ id }) => id === this.id);
  }

  /** Another room, or none: nothing of the last one stays. */
  forget(): void {
    this.close(false);
    this.heirs = [];
    this.current = undefined;
    this.letGo();
    this.say(undefined);
  }

  toggle(id: string): void {
    if (this.id === id) this.close();
    else this.open(id);
  }

  open(id: string): void {
    const message = this.host.view.messages.find((one) => one.id === id);
    if (!message || !Object.values(allowed(message, this.host.view)).includes(true)) return;
    this.id = id;
    this.current = id;
    this.asks = undefined;
    this.focused = false;
    this.opener = this.find(id)?.querySelector<HTMLElement>('.more') ?? undefined;
    this.host.changed();
  }

  close(back = true): void {
    if (this.id === undefined) return;
    this.id = undefined;
    if (back && this.opener) {
      this.opener.focus({ preventScroll: true });
      const { buttons } = this;
      const at = buttons.indexOf(this.opener);
      this.heirs = [...buttons.slice(at), ...buttons.slice(0, at).reverse()];
    }
    this.opener = undefined;
    this.host.changed();
  }

  private get buttons(): HTMLElement[] {
    return [...this.host.root.querySelectorAll<HTMLElement>('.more')];
  }

  private find(id: string): HTMLElement | null {
    return this.host.root.querySelector(`[data-key="${CSS.escape(id)}"]`);
  }

  private run(work: (handle: Conversation) => Promise<unknown>, words: Words): void {
    const { handle } = this.host;
    if (!handle) return;
    this.say(undefined);
    work(handle).catch((error) => this.failed(error, words));
  }

  failed(error: { code?: string; detail?: string }, words: Words): void {
    const why = reason(error, WHY, words);
    this.say(`${words('changeFailed')}${why ? ` · ${why}` : ''}`);
  }

  private say(notice: string | undefined): void {
    clearTimeout(this.noticeTimer);
    if (notice) this.noticeTimer = setTimeout(() => this.say(undefined), NOTICE_MS);
    if (notice === this.notice) return;
    this.notice = notice;
    this.host.changed();
  }

  react(id: string, key: string, words: Words): void {
    const message = this.host.view.messages.find((one) => one.id === id);
    const own = message?.reactions?.some((one) => one.key === key && one.own);
    this.run((handle) => (own ? handle.unreact(id, key) : handle.react(id, key)), words);
  }

  render(words: Words): TemplateResult | typeof nothing {
    const { message, asks } = this;
    if (!message) return nothing;
    const question = asks
      ? asks === 'unsend'
        ? words('unsendAsk')
        : `${words(asks)}?`
      : words('messageOptions');
    const star = message.starredAt ? 'unstar' : 'star';
    const may = allowed(message, this.host.view);
    const { id } = message;
    const item = (label: string, run: () => void, more = ''): TemplateResult =>
      html`<button type="button" role="menuitem" tabindex="-1" class=${more} @click=${run}>${label}</button>`;
    const parts = asks
      ? html`<p role="presentation">${question}</p>
        ${item(words(asks), () => this.mark(asks, id, words), 'danger')}${item(words('keep'), () => this.close())}`
      : html`${may.react ? this.quick(message, words) : nothing}
        ${may.reply ? item(words('reply'), () => this.hand('reply', message)) : nothing}
        ${may.reply && this.host.thread ? item(words('replyInThread'), () => this.toThread(id)) : nothing}
        ${may.copy ? item(words('copy'), () => this.copy(message)) : nothing}
        ${may.edit ? item(words('edit'), () => this.hand('edit', message)) : nothing}
        ${may.keep ? item(words(star), () => this.mark(star, id, words)) : nothing}
        ${may.keep ? item(words('deleteForMe'), () => this.ask('deleteForMe'), 'danger') : nothing}
        ${may.unsend ? item(words('unsend'), () => this.ask('unsend'), 'danger') : nothing}`;
    return html`<div class="menu" part="menu" role="menu" aria-label=${question}
      @keydown=${this.onKey} @focusout=${this.onFocusOut} @mousedown=${keep}>${parts}</div>`;
  }

  private quick(message: MessageView, words: Words): TemplateResult {
    const own = (key: string) => !!message.reactions?.some((one) => one.key === key && one.own);
    return html`<div class="quick" role="group" aria-label=${words('reactions')}>${QUICK.map(
      (key) =>
        html`<button type="button" role="menuitemcheckbox" tabindex="-1" aria-checked=${own(key)}
          aria-label=${words('reactWith', { key })} @click=${() => {
            this.react(message.id, key, words);
            this.close();
          }}>${key}</button>`,
    )}</div>`;
  }

  private copy({ text = '' }: MessageView): void {
    // Refused without a secure page: then there is nothing to be done.
    navigator.clipboard?.writeText(text).catch(() => {});
    this.close();
  }

  /** To the field, which takes the focus. */
  private hand(to: 'edit' | 'reply', message: MessageView): void {
    this.close(false);
    this.host[to](message);
  }

  private toThread(id: string): void {
    const { opener } = this;
    this.close(false);
    this.host.thread?.(id, opener);
  }

  private ask(what: typeof this.asks): void {
    this.asks = what;
    this.focused = false;
    this.host.changed();
  }

  private mark(how: 'unsend' | 'star' | 'unstar' | 'deleteForMe', id: string, words: Words): void {
    this.run((handle) => handle[how](id), words);
    this.close();
  }

  /** After each drawing: beside its message, within the stage, the keyboard in it. */
  settle(): void {
    this.passOn();
    const menu = this.host.root.querySelector<HTMLElement>('.menu');
    const bubble = this.id && this.find(this.id)?.querySelector('.bubble');
    if (!menu || !bubble) {
      // Its message is gone: so is the menu.
      if (this.id !== undefined && !bubble) this.close(false);
      return;
    }
    putBeside(menu, bubble.getBoundingClientRect(), !!this.message?.own);
    if (this.focused) return;
    this.focused = true;
    menu.querySelector<HTMLElement>('button')?.focus({ preventScroll: true });
  }

  /** The focused button is gone with its message, or with all that could be done to it. */
  private passOn(): void {
    const [button] = this.heirs;
    if (!button || button.matches(':focus')) return;
    const heirs = this.heirs.filter((one) => one.isConnected);
    this.heirs = [];
    // Who went on meanwhile is not called back.
    if (button.isConnected || document.activeElement !== document.body) return;
    this.heirs = heirs;
    const heir = heirs[0] ?? this.host.root.querySelector<HTMLElement>('snug-composer');
    heir?.focus({ preventScroll: true });
    this.reached(heir);
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const menu = event.currentTarget as HTMLElement;
    const items = [...menu.querySelectorAll<HTMLElement>('button')];
    if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    } else moveAmong(items, event, getComputedStyle(menu).direction === 'rtl');
  };

  private readonly onFocusOut = (event: FocusEvent): void => {
    const to = event.relatedTarget as Node | null;
    // The second question takes the first one's place, and its focus.
    if (this.focused && !(event.currentTarget as Node).contains(to)) this.close(false);
  };

  /** Arrow keys go from message to message; only one of their buttons is on Tab's way. */
  readonly onButtonKey = (event: KeyboardEvent): void => {
    const button = event.target as HTMLElement;
    if (!button.matches?.('.more')) return;
    this.reached(moveAmong(this.buttons, event, false));
  };

  private reached(button: HTMLElement | null | undefined): void {
    const key = button?.closest<HTMLElement>('[data-key]')?.dataset.key;
    if (key === undefined) return;
    this.current = key;
    button?.scrollIntoView({ block: 'nearest' });
    this.host.changed();
  }

  // A finger has no hover: it holds.

  readonly onDown = (event: PointerEvent): void => {
    this.letGo();
    this.held = false;
    if (event.pointerType !== 'touch' || !event.isPrimary) return;
    const row = (event.target as Element).closest<HTMLElement>('.row[data-key]');
    const id = row?.dataset.key;
    if (id === undefined || (event.target as Element).closest('button')) return;
    const timer = setTimeout(() => {
      this.held = true;
      this.open(id);
    }, HOLD_MS);
    this.hold = { timer, x: event.clientX, y: event.clientY };
  };

  readonly onMove = (event: PointerEvent): void => {
    const { hold } = this;
    if (!hold) return;
    const far = Math.hypot(event.clientX - hold.x, event.clientY - hold.y);
    if (far > HOLD_MOVES) this.letGo();
  };

  readonly letGo = (): void => {
    clearTimeout(this.hold?.timer);
    this.hold = undefined;
  };

  /** What the browser would do about a held finger: its own menu, a press, a link's page. */
  readonly onHeld = (event: Event): void => {
    if (!this.held) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.type === 'click') this.held = false;
  };

  /** It goes with its message, and away with it; what follows the end moves it, too. */
  readonly onScroll = (): void => {
    this.letGo();
    const at = this.id && this.find(this.id)?.querySelector('.bubble')?.getBoundingClientRect();
    const box = this.host.root.querySelector('.timeline')?.getBoundingClientRect();
    if (!at || !box) return;
    if (at.bottom < box.top || at.top > box.bottom) this.close(false);
    else this.settle();
  };
}

/** A press keeps the focus where it is, so that the menu does not close under it. */
function keep(event: Event): void {
  event.preventDefault();
}

function moveAmong(
  items: readonly HTMLElement[],
  event: KeyboardEvent,
  rtl: boolean,
): HTMLElement | undefined {
  const root = items[0]?.getRootNode() as ShadowRoot | undefined;
  const at = items.indexOf(root?.activeElement as HTMLElement);
  const steps: Record<string, number> = {
    ArrowDown: 1,
    ArrowUp: -1,
    ArrowRight: rtl ? -1 : 1,
    ArrowLeft: rtl ? 1 : -1,
    Home: -at,
    End: items.length - 1 - at,
  };
  const step = steps[event.key];
  if (step === undefined) return undefined;
  event.preventDefault();
  const next = items[(at + step + items.length) % items.length];
  next?.focus({ preventScroll: true });
  return next;
}
