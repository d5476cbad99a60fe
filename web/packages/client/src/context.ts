// What every room of the client may ask of the whole: requests, identity,
// time, and who is who. No room sees the connection or another room.
import type { AnswerOf, Op, RequestOf } from '@snug/protocol';
import type { ClientEvents } from './types.js';
import type { UserBook } from './users.js';

export interface Context {
  readonly users: UserBook;
  /** The id of the signed-in user, once known. */
  me(): string | undefined;
  now(): number;
  mint(): string;
  random(): number;
  online(): boolean;
  /** Sends now, or rejects with `not_connected`. */
  request<O extends Op>(op: O, payload: RequestOf<O>): Promise<AnswerOf<O>>;
  /** Waits for the connection; asks again when it broke before the answer. */
  call<O extends Op>(op: O, payload: RequestOf<O>): Promise<AnswerOf<O>>;
  /** Asks who these are; the answer goes into `users`. */
  meet(ids: string[]): Promise<unknown>;
  /** This device has a room up to there. */
  got(room: string, seq: number): void;
  emit<E extends keyof ClientEvents>(event: E, payload: ClientEvents[E]): void;
}
