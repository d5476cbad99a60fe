import type { Conversation, MessageView } from '@snug/client';
import {
  html,
  nothing,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from 'lit';
import { avatar, avatarStyles } from '../shared/avatar.js';
import { SnugElement } from '../shared/base.js';
import { icon } from '../shared/icons.js';
import { controls, tokens } from '../shared/tokens.styles.js';
import { nameOf, saidIn } from '../text/names.js';
import { composerStyles } from './composer.styles.js';
import { afterEdit, asked, type Candidate, Chosen, candidates } from './suggestions.js';

/** Browsers that end a composition before its keydown report this key code. */
const COMPOSING_KEY = 229;

/** Whom a room's draft calls, for as long as its draft is kept. */
const chosenByRoom = new WeakMap<Conversation, Chosen>();

function chosenIn(handle: Conversation, anew = false): Chosen {
  const chosen = (!anew && chosenByRoom.get(handle)) || new Chosen();
  chosenByRoom.set(handle, chosen);
  return chosen;
}

/**
 * The field in which one writes. Enter sends, Shift+Enter breaks the line; a
 * key that belongs to an input method does neither. The draft is the room's;
 * while a message is edited it waits.
 *
 * @element snug-composer
 * @fires snug-submit - Before a message is sent; `detail.text`, and `detail.format`, `detail.mentions`, `detail.replyTo`, `detail.thread` where there are such. Prevent it to send otherwise.
 * @fires snug-edited - An edit was saved or given up; with `detail.problem` it was refused.
 * @fires snug-reply-end - An answer was sent or given up.
 * @csspart edit - The line that says what is edited or answered.
 * @csspart suggestions - The people whom an `@` may mean.
 * @csspart box - The rounded field.
 * @csspart send - The send button.
 */
export class SnugComposer extends SnugElement {
  static override styles = [tokens, controls, avatarStyles, composerStyles];
  static override properties: PropertyDeclarations = {
    room: { type: String },
    thread: { type: String },
    placeholder: { type: String },
    markdown: { type: Boolean },
    editing: { attribute: false },
    replying: { attribute: false },
  };

  /** The room written to. */
  declare room: string | undefined;
  /** The id of the message in whose thread it is said; absent for the room itself. */
  declare thread: string | undefined;
  /** Instead of the language's own word. */
  declare placeholder: string | undefined;
  /** What is written is sent as markdown. */
  declare markdown: boolean;

  /** The message whose words are changed; absent while a new one is written. */
  declare editing: MessageView | undefined;
  /** The message that is answered. */
  declare replying: MessageView | undefined;

  private filled = false;
  private shownEdit: string | undefined;
  private saving = false;
  /** Whom the `@` before the cursor may mean, and which of them a key takes. */
  private offered: Candidate[] = [];
  private at = 0;
  private chosen = new Chosen();
  /** An input method holds a part of the text. */
  private composing = false;
  private shown: string | undefined;

  private get handle(): Conversation | undefined {
    const room = this.room ? this.activeClient?.room(this.room) : undefined;
    return this.thread ? room?.thread(this.thread) : room;
  }

  private get field(): HTMLTextAreaElement | null {
    return this.renderRoot.querySelector('textarea');
  }

  override focus(options?: FocusOptions): void {
    this.field?.focus(options);
  }

  /** What is written now. */
  get value(): string {
    return this.field?.value ?? '';
  }

  set value(text: string) {
    const field = this.field;
    if (!field) return;
    field.value = text;
    this.afterEdit();
  }

  protected override render(): TemplateResult {
    const { words, editing } = this;
    const lists = this.offered.length > 0;
    return html`${this.bar()}<div class="composer">${lists ? this.suggestions() : nothing}
      <div class="box" part="box" @click=${() => this.focus()}>
        <textarea rows="1" dir="auto" enterkeyhint="send" autocomplete="off"
          aria-label=${words(editing ? 'editing' : 'messageLabel')} ?readonly=${this.saving}
          aria-autocomplete="list" aria-controls=${lists ? 'people' : nothing} aria-activedescendant=${lists ? `p${this.at}` : nothing}
          placeholder=${this.placeholder ?? words('messagePlaceholder')}
          @input=${this.onInput} @compositionstart=${this.onComposition} @compositionend=${this.onComposition}
          @click=${this.suggest} @keyup=${this.onKeyUp}
          @keydown=${this.onKey} @blur=${this.onBlur}></textarea>
      </div>
      <button type="button" class="send" part="send" aria-label=${words(editing ? 'save' : 'send')} ?disabled=${!this.filled || this.saving}
        @pointerdown=${this.keepFocus} @click=${this.submit}>${icon('send')}</button>
    </div>`;
  }

  private bar(): TemplateResult | typeof nothing {
    const { words, editing, replying } = this;
    const about = editing ?? replying;
    if (!about) return nothing;
    const name = about.own ? words('you') : nameOf(about.sender, words);
    const title = editing ? words('editing') : words('replyTo', { name });
    return html`<div class="edit" part="edit">${editing ? icon('edit') : icon('reply', 'flip')}<div><b dir="auto">${title}</b><span dir="auto">${saidIn(about)}</span></div>
      <button type="button" class="icon" aria-label=${words('cancel')} @mousedown=${this.keepFocus}
        @click=${this.cancel}>${icon('close')}</button></div>`;
  }

  private suggestions(): TemplateResult {
    return html`<div class="people" part="suggestions" id="people" role="listbox" aria-label=${this.words('suggestions')}>${this.offered.map(
      (one, at) =>
        html`<div role="option" id="p${at}" aria-selected=${at === this.at} @mousedown=${this.keepFocus} @click=${() => this.pick(one)}>
          ${one.id === undefined ? html`<span class="avatar s" aria-hidden="true" .style=${'--hue:260'}>@</span>` : avatar({ id: one.id, name: one.name, picture: one.avatar }, 's')}
          <span dir="auto">${one.name}</span></div>`,
    )}</div>`;
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (this.editing?.id === this.shownEdit) return;
    this.shownEdit = this.editing?.id;
    this.saving = false;
    this.chosen = this.editing || !this.handle ? new Chosen() : chosenIn(this.handle);
    // The draft is the room's, and comes back when the edit is over.
    const text = this.editing ? (this.editing.text ?? '') : (this.handle?.draft ?? '');
    this.filled = text.trim() !== '';
    void this.updateComplete.then(() => {
      this.value = text;
    });
  }

  protected override updated(_changed: PropertyValues): void {
    // The client may come after the room's name: wait for both.
    const place = `${this.room} ${this.thread}`;
    if (!this.handle || this.shown === place) return;
    const carried = this.shown === undefined ? this.value : '';
    this.shown = place;
    this.chosen = chosenIn(this.handle);
    this.offer([]);
    const draft = this.handle.draft || carried;
    if (draft !== this.value) this.value = draft;
    else this.fit();
  }

  private afterEdit(): void {
    const { handle } = this;
    const text = this.value;
    if (handle && !this.editing) handle.draft = text;
    const filled = text.trim() !== '';
    if (filled !== this.filled) {
      this.filled = filled;
      this.requestUpdate();
    }
    this.fit();
  }

  /** As high as the text, up to the six lines that the style sheet allows. */
  private fit(): void {
    const field = this.field;
    if (!field) return;
    field.style.blockSize = 'auto';
    const high = Math.max(44, field.scrollHeight);
    field.style.blockSize = `${high}px`;
    field.style.overflowY = high > 164 ? 'auto' : 'hidden';
  }

  private onInput(): void {
    this.afterEdit();
    // Composed or not: a phone's keyboard composes every word, and half a reading names nobody.
    this.suggest();
    if (!this.editing) this.handle?.typing(this.filled);
  }

  private onComposition({ type }: Event): void {
    this.composing = type === 'compositionstart';
    if (!this.composing) this.suggest();
  }

  private onKeyUp(event: KeyboardEvent): void {
    if (['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) this.suggest();
  }

  /** Looks what stands before the cursor. */
  private suggest(): void {
    const { field, handle } = this;
    const before = field ? field.value.slice(0, field.selectionStart) : '';
    const { word } = asked(before) ?? {};
    if (word === undefined || !handle) return void this.offer([]);
    const me = this.activeClient?.me.getSnapshot()?.id;
    this.offer(candidates(word, handle.getSnapshot(), me, this.words));
  }

  private offer(offered: Candidate[]): void {
    if (offered.length + this.offered.length === 0) return;
    this.offered = offered;
    this.at = 0;
    this.requestUpdate();
  }

  /** Writes the name in place of what was typed of it. */
  private pick(one: Candidate): void {
    const { field } = this;
    // Else the input method would write its word over the name.
    if (this.composing) field?.blur();
    const cursor = field?.selectionStart ?? 0;
    const word = field && asked(field.value.slice(0, cursor));
    if (!word) return;
    field.setRangeText(`@${one.name} `, word.from, cursor, 'end');
    this.chosen.add(one);
    this.afterEdit();
    this.offer([]);
    this.focus();
  }

  /** Whether the key was for the list. */
  private onListKey(event: KeyboardEvent): boolean {
    const { offered, at } = this;
    const { key } = event;
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    const takes = key === 'Tab' || (key === 'Enter' && !event.shiftKey && !event.altKey);
    if (offered.length === 0 || !(step || takes || key === 'Escape')) return false;
    event.preventDefault();
    // Not for a panel around it, which would close.
    event.stopPropagation();
    if (takes) this.pick(offered[at]!);
    else if (!step) this.offer([]);
    else {
      this.at = (at + step + offered.length) % offered.length;
      this.requestUpdate();
    }
    return true;
  }

  private onBlur(): void {
    this.offer([]);
    if (this.filled) this.handle?.typing(false);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.isComposing || event.keyCode === COMPOSING_KEY) return;
    if (this.onListKey(event)) return;
    if (event.key === 'Escape' && (this.editing || this.replying)) {
      event.preventDefault();
      // Not for a panel around it, which would close.
      event.stopPropagation();
      this.cancel();
    }
    if (event.key !== 'Enter' || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.submit();
  }

  private cancel(): void {
    this.announce(this.editing ? 'snug-edited' : 'snug-reply-end', {});
  }

  /** Keeps the words in the field until the server has them. */
  private async save(editing: MessageView, text: string): Promise<void> {
    if (this.saving) return;
    const { handle } = this;
    if (text === editing.text || !handle) return this.cancel();
    this.saving = true;
    this.requestUpdate();
    let problem: unknown;
    try {
      const { users } = handle.getSnapshot();
      const called = (id: string) => users.get(id)?.name || id;
      const mentions = afterEdit(editing, text, this.chosen.in(text), called);
      const { format } = editing;
      const words = { text, ...(format && { format }) };
      await handle.edit(editing.id, mentions === undefined ? words : { ...words, mentions });
    } catch (error) {
      problem = error;
    }
    if (this.editing?.id !== editing.id) return;
    this.saving = false;
    this.requestUpdate();
    this.announce('snug-edited', problem ? { problem } : {});
  }

  /** A press on the button must not take the focus, or a phone drops its keyboard. */
  private keepFocus(event: Event): void {
    event.preventDefault();
  }

  private submit(): void {
    const text = this.value.trim();
    if (text === '') return;
    const { handle, editing, replying } = this;
    if (editing) return void this.save(editing, text);
    handle?.typing(false);
    const mentions = this.chosen.in(text);
    const message = {
      text,
      ...(this.markdown && { format: 'markdown' as const }),
      ...(mentions && { mentions }),
      ...(replying && { replyTo: replying.id }),
      ...(this.thread && { thread: this.thread }),
    };
    const allowed = this.announce('snug-submit', message, true);
    this.value = '';
    this.offer([]);
    // A refusal is shown at the message itself.
    if (allowed) handle?.send(message).catch(() => {});
    if (handle) this.chosen = chosenIn(handle, true);
    if (replying) this.cancel();
  }
}
