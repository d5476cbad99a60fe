// Two members of the site chat in two browsers while they walk between pages, reload, and the
// chat server is killed without warning. After every round what was acknowledged to each
// browser, what the store holds and what both pages show must agree.
//
//   SNUG_BIN=/path/to/snug node test/two-browsers.mjs
//
// SNUG_ROUNDS (20) and SNUG_SEED (random, printed) choose the walk; the same seed takes the
// same steps, though not at the same microsecond.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomFrom } from './random.mjs';
import { Stage } from './stage.mjs';

const ROUNDS = Number(process.env.SNUG_ROUNDS ?? 20);
const SEED = Number(process.env.SNUG_SEED ?? Math.floor(Math.random() * 2 ** 31));
const KILL_WITHIN_MS = 400;
const SETTLE_MS = 20_000;

const random = randomFrom(SEED);
const stage = new Stage('two-browsers');

let snug;
let room;
let amy;
let ming;
let kills = 0;
let sent = 0;

before(async () => {
  ({ snug, amy, ming } = await stage.open());
});

after(() => stage.close());

/** Types a message as a person does; whether the server is there is not looked at. */
async function say(member, text) {
  sent += 1;
  await member.say(text);
}

async function killSoon() {
  await sleep(random.below(KILL_WITHIN_MS));
  await snug.kill();
  kills += 1;
  await snug.start();
}

const WALKS = {
  stay: async () => {},
  reload: (member) => member.reload(),
  wander: async (member) => {
    await member.goto('/');
    await member.goto(`/messages?room=${encodeURIComponent(room)}`);
  },
  listing: async (member) => {
    await member.goto('/listings/101');
    await member.goto(`/messages?room=${encodeURIComponent(room)}`);
  },
};

/**
 * The store and both pages once nothing is under way. A page that has just come back may hold its
 * own newest message before it has fetched what it missed; that is under way too, but it must end.
 */
async function settled() {
  const deadline = Date.now() + SETTLE_MS;
  for (;;) {
    const wanted = await snug.messages(room);
    const shown = await Promise.all([amy.look(), ming.look()]);
    const done = shown.every(
      ({ status, pending, last, first, ids }) =>
        status === 'ready' &&
        pending === 0 &&
        last?.seq === wanted.length &&
        ids.length === last.seq - first.seq + 1,
    );
    if (done || Date.now() > deadline) return { done, wanted, shown };
    await sleep(50);
  }
}

/** What the store, both pages and both memories of acknowledgements say, held side by side. */
async function agree(round) {
  const where = `round ${round}, seed ${SEED}`;
  const { done, wanted, shown } = await settled();
  const ids = wanted.map((message) => message.id);
  wanted.forEach((message, index) => {
    assert.equal(message.seq, index + 1, `${where}: a hole or a double in the store's seq`);
  });
  const texts = wanted.filter((message) => message.kind === 'text').map((each) => each.text);
  assert.equal(new Set(texts).size, texts.length, `${where}: a message is stored twice`);
  const states = shown.map(({ rows, ids: held, ...state }) => ({ ...state, held: held?.length }));
  assert.ok(done, `${where}: not settled, store ${ids.length}: ${JSON.stringify(states)}`);
  for (const [index, member] of [amy, ming].entries()) {
    const { ids: page, rows } = shown[index];
    const who = `${where}, ${member.id}`;
    const missing = [...member.acknowledged].filter((id) => !ids.includes(id));
    assert.deepEqual(missing, [], `${who}: was told of a message that is gone`);
    assert.deepEqual(page, ids.slice(ids.length - page.length), `${who}: the page and the store`);
    assert.ok(rows.length >= Math.min(texts.length, 10), `${who}: shows only ${rows.length} rows`);
    assert.deepEqual(rows, texts.slice(texts.length - rows.length), `${who}: texts on the screen`);
  }
}

describe(`two browsers, seed ${SEED}`, () => {
  it('a buyer opens the room through the site’s backend and the seller sees the message', async () => {
    await amy.page.goto(`${stage.demo.url}/listings/101`);
    await amy.page.getByRole('button', { name: 'Chat with seller' }).click();
    const element = amy.page.locator('[data-chat-here] snug-room');
    await element.waitFor();
    room = await element.getAttribute('room');
    await amy.watch(room);
    await say(amy, 'Is the bike still there?');
    await ming.page.goto(`${stage.demo.url}/messages?room=${encodeURIComponent(room)}`);
    await ming.watch(room);
    await say(ming, '還在，歡迎來看。');
    await agree(0);
    assert.ok(amy.acknowledged.size >= 2 && ming.acknowledged.size >= 2);
  });

  it('the badge of the tab bar counts what came while the room was closed', async () => {
    // The answer counts as read before she leaves, which the ticks on the other page show.
    await ming.page.locator('snug-room [data-key] .tick.read').last().waitFor();
    await amy.goto('/');
    await say(ming, '星期六下午方便嗎？');
    await say(ming, '我兩點以後都在。');
    const badge = amy.page.locator('snug-badge [part=badge] [aria-hidden]');
    await badge.getByText('2', { exact: true }).waitFor();
    await amy.goto(`/messages?room=${encodeURIComponent(room)}`);
    await badge.waitFor({ state: 'detached' });
    await agree(0);
  });

  it(`nothing acknowledged is lost, doubled or reordered in ${ROUNDS} kills`, async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const steps = [random.pick(Object.keys(WALKS)), random.pick(Object.keys(WALKS))];
      const killed = killSoon();
      const talk = async (member, name, walk) => {
        for (let turn = 0; turn < 1 + random.below(3); turn += 1) {
          await say(member, `${name} ${round}.${turn}`);
        }
        await walk(member);
      };
      await Promise.all([talk(amy, 'amy', WALKS[steps[0]]), talk(ming, '小明', WALKS[steps[1]])]);
      await killed;
      await agree(round);
    }
    assert.equal(kills, ROUNDS);
  });

  it('the whole conversation reads the same from its first message', async () => {
    const wanted = await snug.messages(room);
    for (const member of [amy, ming]) {
      assert.deepEqual(
        await member.everything(room),
        wanted.map((message) => message.id),
      );
    }
    const known = new Set([...amy.acknowledged, ...ming.acknowledged]);
    process.stdout.write(
      `# ${kills} kills, ${sent} messages typed, ${wanted.length} stored, ${known.size} acknowledged\n`,
    );
  });

  it('the site’s own table knows the room', () => {
    const log = fs.readFileSync(path.join(stage.directory, 'site', 'second-street.jsonl'), 'utf8');
    const rooms = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter((each) => each.table === 'rooms');
    assert.deepEqual(
      rooms.map((each) => each.row.id),
      [room],
    );
  });

  it('no page broke its content policy or threw', () => {
    assert.deepEqual([...amy.complaints, ...ming.complaints], []);
  });
});
