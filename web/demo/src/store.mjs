// The site's own tables: members, logins, listings, rooms. They live in memory and in one
// append-only file of JSON lines, each flushed to the disk before the caller goes on.
// The rooms table is the truth about who talks with whom here; Snug is asked, this decides.

import fs from 'node:fs';
import path from 'node:path';

const TABLES = ['members', 'logins', 'listings', 'rooms'];

export class Store {
  #file;
  #handle;
  #tables = Object.fromEntries(TABLES.map((name) => [name, new Map()]));

  constructor(directory) {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#file = path.join(directory, 'second-street.jsonl');
    const { lines, torn } = this.#load();
    if (torn || lines > 2 * this.#rows() + 100) this.#compact();
    this.#handle = fs.openSync(this.#file, 'a', 0o600);
  }

  get(table, id) {
    return this.#tables[table].get(String(id));
  }

  all(table) {
    return [...this.#tables[table].values()];
  }

  put(table, row) {
    this.#append({ table, row });
    this.#tables[table].set(row.id, row);
    return row;
  }

  delete(table, id) {
    if (!this.#tables[table].has(id)) return;
    this.#append({ table, deleted: id });
    this.#tables[table].delete(id);
  }

  close() {
    fs.closeSync(this.#handle);
  }

  #append(entry) {
    fs.writeSync(this.#handle, `${JSON.stringify(entry)}\n`);
    fs.fdatasyncSync(this.#handle);
  }

  #load() {
    if (!fs.existsSync(this.#file)) return { lines: 0, torn: false };
    const text = fs.readFileSync(this.#file, 'utf8');
    const lines = text.split('\n');
    // A crash in the middle of a write leaves half a line at the end: it was never promised.
    const torn = lines.pop() !== '';
    for (const line of lines) this.#apply(JSON.parse(line));
    return { lines: lines.length, torn };
  }

  #apply({ table, row, deleted }) {
    if (row) this.#tables[table].set(row.id, row);
    else this.#tables[table].delete(deleted);
  }

  #rows() {
    return TABLES.reduce((sum, name) => sum + this.#tables[name].size, 0);
  }

  // The new file takes the old one's place in one step, or not at all.
  #compact() {
    const lines = TABLES.flatMap((table) =>
      this.all(table).map((row) => `${JSON.stringify({ table, row })}\n`),
    );
    const next = `${this.#file}.next`;
    const handle = fs.openSync(next, 'w', 0o600);
    fs.writeSync(handle, lines.join(''));
    fs.fsyncSync(handle);
    fs.closeSync(handle);
    fs.renameSync(next, this.#file);
  }
}
