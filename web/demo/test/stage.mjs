// What a walk of two members stands on: the chat server, the site, a browser, and Amy and Ming
// logged in to the site. It is taken down in good order, whatever the walk came to.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { launch } from '../../tools/chromium.mjs';
import { SnugProcess, startDemo } from './processes.mjs';
import { Watched } from './watched.mjs';

export class Stage {
  constructor(name) {
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), `snug-${name}-`));
  }

  async open() {
    this.snug = await SnugProcess.create(this.directory);
    await this.snug.start();
    this.demo = await startDemo({ directory: this.directory, snug: this.snug });
    this.browser = await launch();
    this.amy = await Watched.open(this.browser, this.demo.url, 'm1');
    this.ming = await Watched.open(this.browser, this.demo.url, 'm2');
    return this;
  }

  /** Amy asks the seller of a listing, and both have the conversation open: its room's id. */
  async talk(first) {
    const { demo, amy, ming } = this;
    await amy.page.goto(`${demo.url}/listings/101`);
    await amy.page.getByRole('button', { name: 'Chat with seller' }).click();
    const element = amy.page.locator('[data-chat-here] snug-room');
    await element.waitFor();
    const room = await element.getAttribute('room');
    await amy.say(first);
    await ming.page.goto(`${demo.url}/messages?room=${encodeURIComponent(room)}`);
    await ming.page.locator('snug-room .row', { hasText: first }).waitFor();
    return room;
  }

  async close() {
    await this.browser?.close();
    const ended = await this.demo?.stop();
    await this.snug?.stop();
    fs.rmSync(this.directory, { recursive: true, force: true });
    if (this.demo) assert.equal(ended, 0, 'the demo ends in good order');
  }
}
