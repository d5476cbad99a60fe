// A conversation before it exists: whom it is with, and its first message on
// the way. The room is made by the server together with that message.
import type { Client, Custom, MessageView, Outgoing, ProblemView, User } from '@snug/client';

export interface StartTarget {
  user: string;
  context?: string;
  custom?: Custom;
  /** Shown until the server says more. */
  name?: string;
  avatar?: string;
}

function problemOf(error: unknown): ProblemView {
  const { code, detail, message } = (error ?? {}) as Record<string, unknown>;
  return {
    code: typeof code === 'string' ? code : 'internal',
    detail: String(detail ?? message ?? ''),
    retryable: true,
  };
}

/** What the composer said. */
export type FirstWords = Pick<Outgoing, 'format'> & { text: string };

export class Beginning {
  target: StartTarget | undefined;
  private first: { said: FirstWords; at: number; problem?: ProblemView } | undefined;
  private sending = false;

  constructor(private readonly changed: () => void) {}

  begin(target: StartTarget | undefined): void {
    this.target = target;
    this.first = undefined;
    this.sending = false;
  }

  get title(): string {
    return this.target?.name || this.target?.user || '';
  }

  forget(): void {
    this.first = undefined;
    this.changed();
  }

  /** What is shown in the timeline before the room answers. */
  messages(me: User | null | undefined): MessageView[] {
    const { first } = this;
    if (!first) return [];
    const message: MessageView = {
      id: 'first',
      own: true,
      kind: 'text',
      text: first.said.text,
      format: first.said.format,
      createdAt: first.at,
      status: first.problem ? 'failed' : 'pending',
      readByOthers: false,
    };
    if (me) message.sender = me;
    if (first.problem) message.problem = first.problem;
    return [message];
  }

  /** Makes the room with its first message; without a text, tries the last again. */
  async send(client: Client, words: FirstWords | undefined): Promise<string | undefined> {
    const { target } = this;
    const said = words ?? this.first?.said;
    if (!target || !said || this.sending) return undefined;
    this.sending = true;
    const first = { said, at: Date.now() };
    this.first = first;
    this.changed();
    try {
      const handle = await client.createDirect({
        user: target.user,
        ...(target.context ? { context: target.context } : {}),
        ...(target.custom === undefined ? {} : { custom: target.custom }),
        message: { text: said.text, ...(said.format && { format: said.format }) },
      });
      return handle.id;
    } catch (error) {
      if (this.first === first) this.first = { ...first, problem: problemOf(error) };
      return undefined;
    } finally {
      this.sending = false;
      this.changed();
    }
  }
}
