// How a user belongs to a room: goes in and out, keeps it in a way of one's own, and changes it.
import type { Mine, OwnPatch, Room, RoomPatch } from '@snug/protocol';
import { Changing } from './changing.js';
import type { RoomEntry } from './entry.js';

export abstract class Belonging<T> extends Changing<T> {
  protected abstract readonly entry: RoomEntry;
  /** The user became a member (again). */
  abstract joined(): void;
  abstract left(reason: string): void;

  async updateMine(patch: OwnPatch): Promise<Mine> {
    const mine = await this.ctx.call('mine.update', { room: this.id, ...patch });
    this.entry.applyMine(mine);
    return mine;
  }

  async update(patch: RoomPatch): Promise<Room> {
    const { room } = await this.ctx.call('room.update', { room: this.id, ...patch });
    this.entry.applyRoom(room);
    return room;
  }

  async leave(): Promise<void> {
    await this.ctx.call('room.leave', { room: this.id });
    this.left('left');
  }

  async accept(): Promise<Room> {
    const { room } = await this.ctx.call('room.accept', { room: this.id });
    this.entry.applyRoom(room, true);
    this.joined();
    return room;
  }

  async decline(): Promise<void> {
    await this.ctx.call('room.decline', { room: this.id });
    this.entry.left();
  }
}
