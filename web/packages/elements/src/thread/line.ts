// The line under a message that has replies: how many, by whom, when the last one came.
import type { MessageView, User } from '@snug/client';
import { html, nothing, type TemplateResult } from 'lit';
import type { Words } from '../locale/index.js';
import { avatar } from '../shared/avatar.js';
import { nameOf } from '../text/names.js';
import { fullTime, listTime } from '../text/time.js';

const FACES = 3;

export interface LineContext {
  words: Words;
  face(id: string): User;
  /** Opens the thread; absent where none is shown. */
  thread?: (opener: HTMLElement) => void;
}

export function threadLine(
  { threadSummary, threadUnread }: MessageView,
  { words, face, thread }: LineContext,
): TemplateResult | typeof nothing {
  if (!thread || !threadSummary?.replies) return nothing;
  const { replies, last_at, participants } = threadSummary;
  const at = Date.parse(last_at);
  const faces = participants.slice(0, FACES).map((id) => {
    const user = face(id);
    return avatar({ id, name: nameOf(user, words), picture: user.avatar ?? null }, 's');
  });
  return html`<button type="button" class="thread" part="thread" @click=${(event: Event) => thread(event.currentTarget as HTMLElement)}>
    <span class="faces" aria-hidden="true">${faces}</span><b dir="auto">${words.count('replies', replies)}</b>
    <time datetime=${last_at} title=${fullTime(at, words)}>${listTime(at, Date.now(), words)}</time>
    ${threadUnread ? html`<i role="img" aria-label=${words('newMessages')}></i>` : nothing}</button>`;
}
