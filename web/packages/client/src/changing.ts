// What may be done to the messages of a room after they were sent. Whatever is asked may be asked
// again: the answer is the message as it is, and is shown ahead of its event.
import type {
  AnswerOf,
  Edit,
  Marked,
  Message,
  Op,
  Own,
  RequestOf,
  Scheduled,
  Words,
} from '@snug/protocol';
import type { Context } from './context.js';
import { Derived } from './observable.js';
import { draftOf } from './outbox.js';
import type { Outgoing } from './types.js';

type Change = 'message.edit' | 'message.unsend' | 'message.react' | 'message.pin';

export abstract class Changing<T> extends Derived<T> {
  abstract readonly id: string;
  protected abstract readonly ctx: Context;
  /** A message as an answer has it. */
  abstract shownAhead(message: Message): void;
  /** How the user keeps a message, as an answer or an event has it. */
  abstract marked(news: Marked): void;

  /** Never asked again, as other questions are: it may have been heard. */
  sendEphemeral(words: Words): Promise<{ id: string }> {
    return this.ctx.request('message.ephemeral', { room: this.id, ...words });
  }

  /** The id is minted once: what is asked again after a lost answer is the same message. */
  async schedule(message: string | Outgoing, at: Date | number | string): Promise<Scheduled> {
    const draft = draftOf(typeof message === 'string' ? { text: message } : message);
    const when = new Date(at).toISOString();
    const asked = { id: this.ctx.mint(), ...draft, at: when };
    return (await this.askRoom('message.schedule', asked)).scheduled;
  }

  edit(id: string, words: Edit): Promise<Message> {
    return this.#change('message.edit', { id, ...words });
  }

  unsend(id: string): Promise<Message> {
    return this.#change('message.unsend', { id });
  }

  react(id: string, key: string, on = true): Promise<Message> {
    return this.#change('message.react', { id, key, on });
  }

  unreact(id: string, key: string): Promise<Message> {
    return this.react(id, key, false);
  }

  pin(id: string, on = true): Promise<Message> {
    return this.#change('message.pin', { id, on });
  }

  unpin(id: string): Promise<Message> {
    return this.pin(id, false);
  }

  star(id: string, on = true): Promise<Own> {
    return this.#mark(id, { starred: on });
  }

  unstar(id: string): Promise<Own> {
    return this.star(id, false);
  }

  deleteForMe(id: string): Promise<Own> {
    return this.#mark(id, { deleted: true });
  }

  pins(): Promise<AnswerOf<'pins.list'>> {
    return this.askRoom('pins.list', {});
  }

  versions(id: string): Promise<AnswerOf<'message.versions'>> {
    return this.askRoom('message.versions', { id });
  }

  protected askRoom<O extends Op>(op: O, what: Omit<RequestOf<O>, 'room'>): Promise<AnswerOf<O>> {
    return this.ctx.call(op, { room: this.id, ...what } as unknown as RequestOf<O>);
  }

  async #mark(id: string, what: { starred?: boolean; deleted?: true }): Promise<Own> {
    const news = await this.askRoom('message.own', { id, ...what });
    this.marked(news);
    return news.own;
  }

  async #change<O extends Change>(op: O, what: Omit<RequestOf<O>, 'room'>): Promise<Message> {
    const { message } = (await this.askRoom(op, what)) as AnswerOf<Change>;
    this.shownAhead(message);
    return message;
  }
}
