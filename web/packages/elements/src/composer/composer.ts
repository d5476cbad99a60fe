import type { RoomHandle } from '@snug/client';
import { html, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { SnugElement } from '../shared/base.js';
import { icon } from '../shared/icons.js';
import { controls, tokens } from '../shared/tokens.styles.js';
import { composerStyles } from './composer.styles.js';

/** Browsers that end a composition before its keydown report this key code. */
const COMPOSING_KEY = 229;

/**
 * The field in which one writes. Enter sends, Shift+Enter breaks the line; a
 * key that belongs to an input method does neither. The draft is the room's.
 *
 * @element snug-composer
 * @fires snug-submit - Before a message is sent; `detail.text`. Prevent it to send otherwise.
 * @csspart box - The rounded field.
 * @csspart send - The send button.
 */
export class SnugComposer extends SnugElement {
  static override styles = [tokens, controls, composerStyles];
  static override properties: PropertyDeclarations = {
    room: { type: String },
    placeholder: { type: String },
  };

  /** The room written to. */
  declare room: string | undefined;
  /** Instead of the language's own word. */
  declare placeholder: string | undefined;

  private filled = false;
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
    return html`<div class="composer">
      <div class="box" part="box" @click=${() => this.focus()}>
        <textarea rows="1" dir="auto" enterkeyhint="send" autocomplete="off"
          aria-label=${words('messageLabel')}
          placeholder=${this.placeholder ?? words('messagePlaceholder')}
          @input=${this.onInput} @keydown=${this.onKey} @blur=${this.onBlur}></textarea>
      </div>
      <button type="button" class="send" part="send" aria-label=${words('send')} ?disabled=${!this.filled}
        @pointerdown=${this.keepFocus} @click=${this.submit}>${icon('send')}</button>
    </div>`;
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
    if (handle) handle.draft = text;
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
    this.handle?.typing(this.filled);
  }

  private onBlur(): void {
    if (this.filled) this.handle?.typing(false);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.shiftKey || event.altKey) return;
    if (event.isComposing || event.keyCode === COMPOSING_KEY) return;
    event.preventDefault();
    this.submit();
  }

  /** A press on the button must not take the focus, or a phone drops its keyboard. */
  private keepFocus(event: PointerEvent): void {
    event.preventDefault();
  }

  private submit(): void {
    const text = this.value.trim();
    if (text === '') return;
    const { handle } = this;
    handle?.typing(false);
    const allowed = this.announce('snug-submit', { text }, true);
    this.value = '';
    // A refusal is shown at the message itself.
    if (allowed) handle?.send({ text }).catch(() => {});
  }
}
