import type { MessageView, RoomHandle } from '@snug/client';
import {
  html,
  nothing,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from 'lit';
import { SnugElement } from '../shared/base.js';
import { icon } from '../shared/icons.js';
import { controls, tokens } from '../shared/tokens.styles.js';
import { composerStyles } from './composer.styles.js';

/** Browsers that end a composition before its keydown report this key code. */
const COMPOSING_KEY = 229;

/**
 * The field in which one writes. Enter sends, Shift+Enter breaks the line; a
 * key that belongs to an input method does neither. The draft is the room's;
 * while a message is edited it waits.
 *
 * @element snug-composer
 * @fires snug-submit - Before a message is sent; `detail.text`. Prevent it to send otherwise.
 * @fires snug-edited - An edit was saved or given up; with `detail.problem` it was refused.
 * @csspart edit - The line that says what is edited.
 * @csspart box - The rounded field.
 * @csspart send - The send button.
 */
export class SnugComposer extends SnugElement {
  static override styles = [tokens, controls, composerStyles];
  static override properties: PropertyDeclarations = {
    room: { type: String },
    placeholder: { type: String },
    editing: { attribute: false },
  };

  /** The room written to. */
  declare room: string | undefined;
  /** Instead of the language's own word. */
  declare placeholder: string | undefined;

  /** The message whose words are changed; absent while a new one is written. */
  declare editing: MessageView | undefined;

  private filled = false;
  private shownEdit: string | undefined;
  private saving = false;
  private shownRoom: string | undefined;

  private get handle(): RoomHandle | undefined {
    return this.room ? this.activeClient?.room(this.room) : undefined;
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
    const { words } = this;
    const { editing } = this;
    return html`${editing ? this.editBar(editing) : nothing}<div class="composer">
      <div class="box" part="box" @click=${() => this.focus()}>
        <textarea rows="1" dir="auto" enterkeyhint="send" autocomplete="off"
          aria-label=${words(editing ? 'editing' : 'messageLabel')} ?readonly=${this.saving}
          placeholder=${this.placeholder ?? words('messagePlaceholder')}
          @input=${this.onInput} @keydown=${this.onKey} @blur=${this.onBlur}></textarea>
      </div>
      <button type="button" class="send" part="send" aria-label=${words(editing ? 'save' : 'send')} ?disabled=${!this.filled || this.saving}
        @pointerdown=${this.keepFocus} @click=${this.submit}>${icon('send')}</button>
    </div>`;
  }

  private editBar(editing: MessageView): TemplateResult {
    const { words } = this;
    return html`<div class="edit" part="edit">${icon('edit')}<div><b>${words('editing')}</b><span dir="auto">${editing.text}</span></div>
      <button type="button" class="icon" aria-label=${words('cancel')} @mousedown=${this.keepFocus}
        @click=${this.cancel}>${icon('close')}</button></div>`;
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (this.editing?.id === this.shownEdit) return;
    this.shownEdit = this.editing?.id;
    this.saving = false;
    // The draft is the room's, and comes back when the edit is over.
    const text = this.editing ? (this.editing.text ?? '') : (this.handle?.draft ?? '');
    this.filled = text.trim() !== '';
    void this.updateComplete.then(() => {
      this.value = text;
    });
  }

  protected override updated(_changed: PropertyValues): void {
    // The client may come after the room's name: wait for both.
    if (!this.handle || this.shownRoom === this.room) return;
    const carried = this.shownRoom === undefined ? this.value : '';
    this.shownRoom = this.room;
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
    if (!this.editing) this.handle?.typing(this.filled);
  }

  private onBlur(): void {
    if (this.filled) this.handle?.typing(false);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.isComposing || event.keyCode === COMPOSING_KEY) return;
    if (event.key === 'Escape' && this.editing) {
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
    this.announce('snug-edited', {});
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
      await handle.edit(editing.id, { text });
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
    const { handle, editing } = this;
    if (editing) return void this.save(editing, text);
    handle?.typing(false);
    const allowed = this.announce('snug-submit', { text }, true);
    this.value = '';
    // A refusal is shown at the message itself.
    if (allowed) handle?.send({ text }).catch(() => {});
  }
}
