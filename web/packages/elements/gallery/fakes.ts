// What the client in memory is made of.
import type { Member, Readable, Room, User } from '@snug/client';

export class Cell<T> implements Readable<T> {
  private readonly callbacks = new Set<() => void>();
  constructor(private value: T) {}
  getSnapshot(): T {
    return this.value;
  }
  subscribe(callback: () => void): () => void {
    this.callbacks.add(callback);
    return () => this.callbacks.delete(callback);
  }
  set(value: T): void {
    this.value = value;
    for (const callback of [...this.callbacks]) callback();
  }
  patch(part: Partial<T>): void {
    this.set({ ...this.value, ...part });
  }
}

let minted = 0;
export function freshId(): string {
  minted += 1;
  return `m${minted}`;
}

export const iso = (ms: number): string => new Date(ms).toISOString();

export function roomOf(id: string, more: Partial<Room> = {}): Room {
  const now = Date.now();
  return {
    id,
    kind: 'direct',
    frozen: false,
    created_at: iso(now),
    epoch: 'e1',
    seq: 0,
    rev: 1,
    members_rev: 1,
    count: 0,
    min_seq: 1,
    member_count: 2,
    activity_at: iso(now),
    members: [],
    ...more,
  };
}

export function memberOf(user: User): Member {
  return {
    user: user.id,
    role: 'member',
    state: 'active',
    joined_at: iso(0),
    read_seq: 0,
    name: user.name ?? null,
    avatar: user.avatar ?? null,
    rev: 1,
  };
}
