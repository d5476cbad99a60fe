// The stage of a test: fake time, a fake server, a client on it.
import { mock } from 'node:test';
import { SnugClient } from '../src/client.js';
import type { ClientOptions, MessageView, RoomHandle } from '../src/types.js';
import { FakeServer } from './fake-server.js';

export interface Stage {
  server: FakeServer;
  client: SnugClient;
  /** Every connection state so far, as `status:code`. */
  states: string[];
}

export function stage(options: Partial<ClientOptions> = {}, server = new FakeServer()): Stage {
  const client = new SnugClient({
    url: 'https://chat.test',
    token: 'good',
    transport: server.transport,
    random: () => 0.5,
    ...options,
  });
  const states: string[] = [];
  client.connection.subscribe(() => {
    const { status, code } = client.connection.getSnapshot();
    states.push(`${status}:${code}`);
  });
  return { server, client, states };
}

/** Lets everything that waits for no timer happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Fake time goes on in small steps, so that timers set by answers fire too. */
export async function pass(ms: number): Promise<void> {
  await settle();
  for (let left = ms; left > 0; left -= 50) {
    mock.timers.tick(Math.min(50, left));
    await settle();
  }
}

export function useFakeTime(): void {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-11-20T12:00:00Z') });
}

export async function online(options: Partial<ClientOptions> = {}, server = new FakeServer()) {
  const on = stage(options, server);
  on.client.connect();
  await settle();
  return on;
}

export const texts = (room: RoomHandle) => room.getSnapshot().messages.map(({ text }) => text);
export const shown = (room: RoomHandle) =>
  room.getSnapshot().messages.map(({ text, status }: MessageView) => `${text}/${status}`);
