// The real programs under test, each as its own process: the chat server and the site.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const START_MS = 15_000;
const POLL_MS = 20;

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export class SnugProcess {
  output = '';
  /** More words for `serve`. */
  flags = [];

  /** Makes an application in a new data directory; the server is not running yet. */
  static async create(directory, pages = ['--development']) {
    const program = process.env.SNUG_BIN;
    if (!program) throw new Error('SNUG_BIN must name the snug program');
    const snug = new SnugProcess();
    snug.program = program;
    snug.data = path.join(directory, 'snug');
    fs.mkdirSync(snug.data, { recursive: true });
    const flags = ['--data', snug.data, '--name', 'Second Street', '--policy', 'open'];
    const { stdout } = await promisify(execFile)(program, [
      ...['app', 'create', ...flags, ...pages, '--print-key'],
    ]);
    const created = JSON.parse(stdout);
    snug.app = created.app;
    snug.serverKey = created.server_key;
    snug.keyFile = path.join(directory, 'server-key');
    fs.writeFileSync(snug.keyFile, snug.serverKey, { mode: 0o600 });
    snug.port = await freePort();
    snug.url = `http://127.0.0.1:${snug.port}`;
    return snug;
  }

  /** Runs another command of the program on the same data; what it prints. */
  async command(words) {
    const { stdout } = await promisify(execFile)(this.program, [...words, '--data', this.data]);
    return stdout;
  }

  async start() {
    const place = ['--data', this.data, '--listen', `127.0.0.1:${this.port}`];
    const flags = ['serve', ...place, ...this.flags];
    this.child = spawn(this.program, flags, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', (chunk) => {
        this.output = (this.output + chunk).slice(-20_000);
      });
    }
    this.exited = once(this.child, 'exit');
    const deadline = Date.now() + START_MS;
    while (!(await this.#healthy())) {
      if (this.child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`snug did not start:\n${this.output}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** Without warning, as when the power goes. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  async stop() {
    if (!this.child || this.child.exitCode !== null) return;
    this.child.kill('SIGTERM');
    await this.exited;
  }

  /** A call of the application's backend. */
  async server(method, route, body) {
    const answer = await fetch(`${this.url}/v1/server/${route}`, {
      method,
      headers: { Authorization: `Bearer ${this.serverKey}`, 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? {} : answer.json();
  }

  /** Every message of a room, by the backend's own route. */
  async messages(room) {
    const all = [];
    for (let after = 0; ; after = all.at(-1).seq) {
      const route = `rooms/${encodeURIComponent(room)}/messages?after=${after}&limit=100`;
      const { messages, has_after } = await this.server('GET', route);
      all.push(...messages);
      if (!has_after || messages.length === 0) return all;
    }
  }

  async #healthy() {
    try {
      return (await fetch(`${this.url}/healthz`)).ok;
    } catch {
      return false;
    }
  }
}

const PROGRAM = fileURLToPath(new URL('../server.mjs', import.meta.url));

export async function startDemo({ directory, snug }) {
  const child = spawn(
    process.execPath,
    [
      ...[PROGRAM, '--port', '0', '--data', path.join(directory, 'site')],
      ...['--snug-url', snug.url, '--server-key-file', snug.keyFile],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(child, 'exit');
  const [line] = await Promise.race([
    once(child.stdout, 'data'),
    exited.then(([code]) => Promise.reject(new Error(`the demo ended with ${code}`))),
  ]);
  const stop = async () => {
    child.kill('SIGTERM');
    return (await exited)[0];
  };
  return { url: /http:\S+/.exec(String(line))[0], stop };
}
