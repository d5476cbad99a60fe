// Typing, both ways: what others do ends by itself, what we say is throttled.
import type { Context } from './context.js';
import { Timer } from './timer.js';

const ENDS_MS = 6_000;
const REPEAT_MS = 3_000;

export interface TypingOthers {
  users(): string[];
  set(user: string, on: boolean): void;
  clear(): void;
}

/** Who else types in one room. */
export function typingOthers(changed: () => void): TypingOthers {
  const timers = new Map<string, Timer>();
  const set = (user: string, on: boolean) => {
    const timer = timers.get(user);
    timer?.clear();
    timers.delete(user);
    if (on) {
      const next = timer ?? new Timer();
      timers.set(user, next);
      next.set(ENDS_MS, () => set(user, false));
    }
    if (!timer === on) changed();
  };
  return {
    users: () => [...timers.keys()],
    set,
    clear() {
      for (const timer of timers.values()) timer.clear();
      timers.clear();
    },
  };
}

export interface TypingOwn {
  /** Called on every keystroke. */
  say(on: boolean): void;
  /** A sent message says it for us. */
  sent(): void;
}

/** What this user says in one room. */
export function typingOwn(context: Context, room: string): TypingOwn {
  let saidAt = 0;
  let typing = false;
  return {
    say(on) {
      const now = context.now();
      // Off and on again within the pause stays silent: the others' sign lasts.
      if (on ? now - saidAt < REPEAT_MS : !typing) return;
      typing = on;
      if (on) saidAt = now;
      if (context.online()) context.request('typing', { room, on }).catch(() => {});
    },
    sent() {
      typing = false;
      saidAt = 0;
    },
  };
}
