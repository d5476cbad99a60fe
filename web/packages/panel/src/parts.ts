// The pieces that screens share: fields, notes, copying, dialogs.

import { Refusal } from './api.js';
import { type Child, h, ICONS, icon, on, replace } from './dom.js';
import { refusalWords, t } from './words.js';

export interface Field {
  element: HTMLElement;
  value(): string;
  complain(message: string): void;
  focus(): void;
}

export interface FieldOptions {
  label: string;
  name: string;
  type?: 'text' | 'email' | 'password';
  autocomplete?: string;
  hint?: string;
  value?: string;
  lines?: number;
}

let serial = 0;

export function field(options: FieldOptions): Field {
  serial += 1;
  const id = `field-${serial}`;
  const shared = { id, name: options.name, 'aria-describedby': `${id}-note`, spellcheck: 'false' };
  const input = options.lines
    ? h('textarea', { ...shared, rows: options.lines, autocapitalize: 'off' })
    : h('input', {
        ...shared,
        type: options.type ?? 'text',
        autocomplete: options.autocomplete ?? 'off',
      });
  input.value = options.value ?? '';
  const note = h('span', { class: 'note', id: `${id}-note` }, options.hint);
  const say = (message: string, bad: boolean) => {
    replace(note, message);
    note.classList.toggle('bad', bad);
    input.setAttribute('aria-invalid', String(bad));
  };
  on(input, { input: () => say(options.hint ?? '', false) });
  return {
    element: h('label', { class: 'field', for: id }, h('span', {}, options.label), input, note),
    value: () => input.value,
    complain: (message) => {
      say(message, true);
      input.focus();
    },
    focus: () => input.focus(),
  };
}

export interface Choice {
  value: string;
  label: string;
  hint: string;
}

export function choices(legend: string, name: string, options: Choice[], chosen: string) {
  const inputs = options.map((option) => {
    const input = h('input', { type: 'radio', name, value: option.value });
    input.checked = option.value === chosen;
    return input;
  });
  const rows = options.map((option, index) =>
    h(
      'label',
      { class: 'choice' },
      inputs[index],
      h('span', {}, h('strong', {}, option.label), h('span', { class: 'note' }, option.hint)),
    ),
  );
  return {
    element: h('fieldset', {}, h('legend', {}, legend), rows),
    value: () => inputs.find((input) => input.checked)?.value ?? chosen,
  };
}

export function toggle(label: string, hint: string, checked: boolean) {
  const input = h('input', { type: 'checkbox', role: 'switch' });
  input.checked = checked;
  const text = h('span', {}, h('strong', {}, label), h('span', { class: 'note' }, hint));
  return {
    element: h('label', { class: 'choice' }, input, text),
    value: () => input.checked,
  };
}

/** A form that shows a refusal in one sentence and cannot be sent twice at once. */
export function form(
  options: { submit: string; onSubmit: () => Promise<void>; class?: string; extra?: Child },
  ...children: Child[]
): HTMLFormElement {
  const trouble = h('p', { class: 'trouble', role: 'alert' });
  const button = h('button', { class: 'main', type: 'submit' }, options.submit);
  const element = h(
    'form',
    { class: options.class ?? 'form', novalidate: true },
    children,
    trouble,
    h('div', { class: 'buttons' }, button, options.extra),
  );
  return on(element, {
    submit: async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      button.disabled = true;
      replace(trouble);
      try {
        await options.onSubmit();
      } catch (error) {
        replace(trouble, wordsOf(error));
      } finally {
        button.disabled = false;
      }
    },
  });
}

/** Thrown by a form's handler when a field has already said what is wrong. */
export class Told extends Error {}

export function wordsOf(error: unknown): string {
  if (error instanceof Told) return '';
  if (error instanceof Refusal) {
    return refusalWords(error.code, error.message, Math.ceil((error.retryAfterMs ?? 0) / 1000));
  }
  throw error;
}

export function copyButton(text: () => string): HTMLButtonElement {
  const label = h('span', { 'aria-live': 'polite' }, t('copy'));
  const picture = h('span', { class: 'picture' }, icon(ICONS.copy));
  const button = h('button', { type: 'button', class: 'quiet' }, picture, label);
  return on(button, {
    click: async () => {
      await copy(text(), button);
      replace(label, t('copied'));
      replace(picture, icon(ICONS.done));
      setTimeout(() => {
        replace(label, t('copy'));
        replace(picture, icon(ICONS.copy));
      }, 2000);
    },
  });
}

// Plain http away from localhost has no clipboard interface; selecting still works there.
async function copy(text: string, near: HTMLElement): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = h('textarea', { class: 'unseen', readonly: true });
  area.value = text;
  near.after(area);
  area.select();
  document.execCommand('copy');
  area.remove();
  near.focus();
}

export function secret(key: string): HTMLElement {
  return h(
    'div',
    { class: 'secret' },
    h('code', { 'data-secret': true }, key),
    copyButton(() => key),
  );
}

export function code(label: string, text: string): HTMLElement {
  const block = h('pre', { tabindex: 0, 'aria-label': label }, h('code', {}, text));
  return h(
    'div',
    { class: 'code' },
    block,
    copyButton(() => text),
  );
}

/** A modal; what it shows leaves the page with it. */
export function dialog(title: string, fill: (close: () => void) => Child): void {
  const element = h('dialog', { 'aria-label': title });
  const close = () => element.close();
  const cross = on(
    h(
      'button',
      { type: 'button', class: 'quiet square', 'aria-label': t('close') },
      icon(ICONS.cross),
    ),
    {
      click: close,
    },
  );
  const body = h('div', { class: 'dialog-body' }, fill(close));
  element.append(h('div', { class: 'dialog-head' }, h('h2', {}, title), cross), body);
  on(element, { close: () => element.remove() });
  document.body.append(element);
  element.showModal();
  body.querySelector<HTMLElement>('input, textarea, button')?.focus();
}
