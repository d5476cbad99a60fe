// The golden examples against the types: every file is written as a literal of
// its type into one TypeScript file and the compiler judges it (a field too
// many is an error too), and the protocol's tables name the files that must be.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const repo = process.env.SNUG_REPO!;
const web = process.env.SNUG_WEB!;
const folder = join(repo, 'api', 'examples');
// Vectors of signatures have a test of their own; what a backend is told or asked is no page's.
const files = readdirSync(folder).filter(
  (name) => name.endsWith('.json') && !/^(signed|webhook|before-send)\./.test(name),
);
const doc = readFileSync(join(repo, 'docs', 'protocol.md'), 'utf8');

const REST: Record<string, string> = {
  problem: 'Problem',
  'upsert-user.request': 'ProfilePatch',
  'upsert-user.answer': 'User',
  'deactivate-user.answer': 'User',
  'server-create-room.request': 'ServerCreateGroup',
  'server-create-room.request.direct': 'ServerCreateDirect',
  'server-create-room.answer': 'Room',
  'server-update-room.request': 'RoomPatch & { frozen?: boolean }',
  'server-update-room.answer': 'Room',
  'list-members.answer': 'MemberPage',
  'add-members.request': "Omit<MemberChange, 'room'>",
  'add-members.answer': 'Room',
  'remove-members.request': '{ users: string[] }',
  'remove-members.answer': 'Room',
  'server-send-message.request': 'Draft & { sender?: string }',
  'server-send-message.answer': 'Message',
  'history.answer': 'History',
  'open-session.request': 'OpenSession',
  'open-verified.request': '{ app: string; token: string; device?: string; push_token?: string }',
  'open-guest.request': '{ app: string; guest: true; device?: string; name?: string }',
  'take-code.request': '{ code: string }',
  'make-code.answer': '{ code: string; expires_at: string }',
  'embedding.answer': '{ app: string; user: string }',
  'open-session.answer': 'OpenedSession',
  'list-sessions.answer': '{ sessions: SessionRow[] }',
  'revoke-sessions.request': '{ session?: string; user?: string; device?: string }',
  'revoke-sessions.answer': '{ closed: number }',
  'me.answer': 'Me',
  'update-me.request': 'ProfilePatch',
  'update-me.answer': 'Me',
  'users.answer': '{ users: User[] }',
  'list-rooms.answer': 'RoomPage',
  'create-room.request': 'CreateGroup',
  'create-room.request.direct': 'CreateDirect',
  'create-room.answer': 'Room',
  'room.answer': 'Room',
  'update-room.request': 'RoomPatch',
  'update-room.answer': 'Room',
  'send-message.request': 'Draft & { read_up_to?: number }',
  'send-message.answer': 'Message',
  'edit-message.request': 'Edit',
  'edit-message.answer': 'Message',
  'say-ephemeral.request': 'Words',
  'say-ephemeral.answer': '{ id: string }',
  'server-say-ephemeral.request': 'Words & { sender?: string; to?: string[] }',
  'schedule-message.request': 'Draft & { at: string }',
  'schedule-message.answer': 'Scheduled',
  'server-schedule-message.request': 'Draft & { at: string; sender?: string }',
  'server-schedule-message.answer': 'Scheduled',
  'list-scheduled.answer': 'ScheduledPage',
  'update-scheduled.request': 'ScheduledPatch',
  'unsend-message.answer': 'Message',
  'react.answer': 'Message',
  'hide-message.request': '{ on: boolean }',
  'hide-message.answer': 'Message',
  'list-channels.answer': 'ChannelPage',
  'join-room.answer': 'Room',
  'accept-room.answer': 'Room',
  'read.request': '{ seq: number }',
  'read.answer': 'Mine',
  'set-own.request': 'OwnPatch',
  'set-own.answer': 'Mine',
  'delivered.request': '{ rooms: Record<string, number> }',
  'receipts.answer': 'Receipts',
  'typing.request': '{ on: boolean }',
  'room-sync.answer': 'RoomSync',
  'sync.answer': 'UserSync',
  'refresh-session.request': 'Record<string, never>',
  'refresh-session.answer': 'RefreshedSession',
};

function namesInTable(columns: string): string[] {
  const lines = doc.split('\n');
  const names: string[] = [];
  for (const line of lines.slice(lines.indexOf(columns) + 2)) {
    if (!line.startsWith('|')) break;
    const cell = line.split('|')[1]!;
    for (const match of cell.matchAll(/`([a-z._]+)`/g)) names.push(match[1]!);
  }
  assert.ok(names.length > 5, `the table ${columns} was not found`);
  return names;
}

const ops = namesInTable('| op | data | answer |');
const events = namesInTable('| event | data | to whom |');

/** The longest of the names that the file's stem is, or begins with. */
function longest(stem: string, names: string[]): string | undefined {
  return names
    .filter((name) => stem === name || stem.startsWith(`${name}.`))
    .sort((a, b) => b.length - a.length)[0];
}

function typeOf(file: string): string {
  const stem = file.replace(/\.json$/, '');
  const [kind] = stem.split('.');
  const rest = stem.slice(kind!.length + 1);
  if (stem.startsWith('answer.error')) return 'AnswerFrame';
  const names = kind === 'rest' ? Object.keys(REST) : kind === 'event' ? events : ops;
  const name = longest(rest, names);
  assert.ok(name, `${file} names nothing that the protocol has`);
  if (kind === 'rest') return REST[name]!;
  const frame = { request: 'RequestFrame', answer: 'AnswerFrame', event: 'EventFrame' }[kind!];
  assert.ok(frame, `${file} is of no known kind`);
  return `${frame}<'${name}'>`;
}

test('every op and event of the protocol has its examples', () => {
  const missing = [
    ...ops.flatMap((op) => [`request.${op}.json`, `answer.${op}.json`]),
    ...events.map((event) => `event.${event}.json`),
  ].filter((name) => !files.includes(name));
  assert.deepEqual(missing, []);
});

test('every REST shape has an example', () => {
  const missing = Object.keys(REST).filter((name) => !files.includes(`rest.${name}.json`));
  assert.deepEqual(missing, []);
});

function judge(source: string): string {
  const scratch = mkdtempSync(join(web, 'packages', 'protocol', '.check-'));
  try {
    writeFileSync(join(scratch, 'check.ts'), source);
    writeFileSync(
      join(scratch, 'tsconfig.json'),
      JSON.stringify({ extends: '../../../tsconfig.base.json', include: ['check.ts'] }),
    );
    const tsc = join(web, 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [tsc, '-p', scratch], { encoding: 'utf8' });
    return '';
  } catch (error) {
    return (error as { stdout?: string }).stdout || String(error);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

const head = "import type * as P from '../src/index.js';\n";
// Names are qualified so that the generated file imports one thing only.
const qualified = (type: string) =>
  type.replaceAll(/\b([A-Z]\w+)/g, 'P.$1').replaceAll(/P\.(Record|Omit)\b/g, '$1');

test('every example fits its type, and the types name the documented ops and events', () => {
  const lines = files.map((file, index) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return `// ${file}\nexport const e${index}: ${qualified(typeOf(file))} = ${text.trim()};`;
  });
  const names = (list: string[]) => `{ ${list.map((name) => `'${name}': true`).join(', ')} }`;
  lines.push(`export const ops: Record<P.Op, true> = ${names(ops)};`);
  lines.push(`export const events: Record<P.EventName, true> = ${names(events)};`);
  assert.equal(judge(head + lines.join('\n')), '');
});

test('the judge refuses a missing and a surplus field', () => {
  const wrong = `${head}export const a: P.Head = { room: 'r' };
export const b: P.RequestFrame<'typing'> = { id: '1', op: 'typing', data: { room: 'r', on: true, off: 1 } };`;
  const verdict = judge(wrong);
  assert.match(verdict, /TS2739|TS2740/);
  assert.match(verdict, /TS2353/);
});
