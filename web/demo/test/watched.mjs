// A browser of one member, and everything its page was told: each message id that came with a
// place in the room counts as acknowledged from then on, whatever happens to the page.

const READY_MS = 20_000;

export class Watched {
  acknowledged = new Set();
  complaints = [];

  static async open(browser, site, id) {
    const watched = new Watched();
    const context = await browser.newContext({ viewport: { width: 900, height: 700 } });
    watched.id = id;
    watched.site = site;
    watched.page = await context.newPage();
    watched.page.setDefaultTimeout(READY_MS);
    await watched.page.exposeBinding('snugTestAcknowledged', (_, ids) => {
      for (const each of ids) watched.acknowledged.add(each);
    });
    watched.page.on('pageerror', (error) => watched.complaints.push(error.message));
    watched.page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) watched.complaints.push(message.text());
    });
    await watched.page.goto(`${site}/login`);
    await watched.page.locator(`.sample[value=${id}]`).click();
    await watched.page.locator('snug-launcher').waitFor({ state: 'attached' });
    return watched;
  }

  /** Watches the room on this page, and on every page that shows one from now on. */
  async watch(room) {
    this.room = room;
    await this.page.addInitScript(inPage, room);
    await this.page.evaluate(inPage, room);
  }

  goto(address) {
    return this.page.goto(this.site + address);
  }

  async reload() {
    await this.page.reload();
  }

  async say(text) {
    const field = this.page.locator('snug-composer textarea');
    await field.fill(text);
    await field.press('Enter');
  }

  /** What the page holds and shows now; `status` is `away` while it is loading or broken. */
  async look() {
    const seen = await this.page.evaluate(look, this.room).catch(() => undefined);
    return seen ?? { status: 'away' };
  }

  /** Every id of the conversation, paged back to its beginning. */
  everything(room) {
    return this.page.evaluate(async (id) => {
      const handle = document.querySelector('snug-chat').activeClient.room(id);
      while (handle.getSnapshot().hasBefore) await handle.loadBefore();
      return handle.getSnapshot().messages.map((message) => message.id);
    }, room);
  }
}

// Runs in the page: reports ids as the SDK's own state takes them up.
async function inPage(room) {
  await customElements.whenDefined('snug-badge');
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const element = () => document.querySelector('snug-chat.messages, [data-chat-here] snug-room');
  while (!element()?.activeClient) await frame();
  const handle = element().activeClient.room(room);
  const told = new Set();
  const read = () => {
    const fresh = handle
      .getSnapshot()
      .messages.filter((message) => message.seq !== undefined && !told.has(message.id))
      .map((message) => message.id);
    if (fresh.length === 0) return;
    for (const id of fresh) told.add(id);
    window.snugTestAcknowledged(fresh);
  };
  handle.subscribe(read);
  read();
}

// Runs in the page: the SDK's state and the rows a reader sees, through the open shadow roots.
function look(room) {
  const outer = document.querySelector('snug-chat.messages');
  const element =
    outer?.shadowRoot?.querySelector('snug-room') ??
    document.querySelector('[data-chat-here] snug-room');
  if (!element?.activeClient) return undefined;
  const { status, messages } = element.activeClient.room(room).getSnapshot();
  const placed = messages.filter((message) => message.seq !== undefined);
  const rows = [...element.shadowRoot.querySelectorAll('[data-key]')].flatMap((row) => {
    const text = row.querySelector('.text')?.cloneNode(true);
    text?.querySelector('.meta')?.remove();
    return text ? [text.textContent.trim()] : [];
  });
  return {
    status,
    pending: messages.length - placed.length,
    first: placed[0] && { id: placed[0].id, seq: placed[0].seq },
    last: placed.length > 0 ? { id: placed.at(-1).id, seq: placed.at(-1).seq } : undefined,
    ids: placed.map((message) => message.id),
    rows,
  };
}
