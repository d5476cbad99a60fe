// What a markdown text is made of. The server reads the same subset for previews
// (crates/snug-core/src/model/markdown.rs) and one golden file holds both to it.
// It makes nodes and no markup: what is not of the subset, HTML too, is text.
import { safeHref } from './inline.js';

/** Text, or something around nodes; `a` has an address that was looked at. */
export type Node = string | Mark;
export interface Mark {
  tag: 'p' | 'ul' | 'li' | 'blockquote' | 'pre' | 'code' | 'a' | 'b' | 'em' | 's';
  inside: Node[];
  href?: string | undefined;
}

const TAGS: Record<string, Mark['tag']> = { '*': 'em', '**': 'b', _: 'em', __: 'b', '~~': 's' };

// An escape; code; ticks that are none; a link or a picture, as a link; an address, in which
// nothing is a mark; marks.
const TOKEN =
  /\\([!-/:-@[-`{-~])|(`{1,3})([^`]+)\2(?!`)|`+|!?\[([^[\]\n]+)\]\(((?:https?:\/\/|mailto:)[^\s()<>]+)\)|https?:\/\/[^\s<>*~]*|(\*+|_+|~+)/gi;
const LINE = /^ *(?:(>) ?|(?:([-*+])|(#{1,6})) +(?=\S)|(?=\d{1,9}[.)] +\S))/;
const WORD = /[\p{L}\p{N}]/u;

/** In time that grows with the text and no faster: at most one mark of each kind is open. */
function inline(text: string): Node[] {
  const open: { mark: string; inside: Node[] }[] = [{ mark: '', inside: [] }];
  const put = (node: Node): void => {
    const { inside } = open.at(-1)!;
    const last = inside.at(-1);
    if (typeof node === 'string' && typeof last === 'string')
      inside[inside.length - 1] = last + node;
    else if (node) inside.push(node);
  };
  /** The innermost mark is closed by nothing: it is text. */
  const fold = (): void => {
    const { mark, inside } = open.pop()!;
    for (const node of [mark, ...inside]) put(node);
  };
  let end = 0;
  for (const {
    0: all,
    1: escaped,
    3: code,
    4: label,
    5: href,
    6: mark = '',
    index,
  } of text.matchAll(TOKEN)) {
    put(text.slice(end, index));
    end = index + all.length;
    const before = text[index - 1] ?? ' ';
    const after = text[end] ?? ' ';
    const tag = TAGS[mark];
    const at = open.findIndex((one) => one.mark === mark);
    const inWord = (side: string) => mark[0] === '_' && WORD.test(side);
    const address = href && (/^m/i.test(href) ? href : safeHref(href));
    if (code) put({ tag: 'code', inside: [code] });
    else if (address) put({ tag: 'a', inside: inline(label!), href: address });
    else if (tag && at > 0 && before.trim() && !inWord(after)) {
      while (open.length > at + 1) fold();
      const { inside } = open.pop()!;
      put({ tag, inside });
    } else if (tag && at < 0 && after.trim() && !inWord(before)) open.push({ mark, inside: [] });
    else put(escaped ?? all);
  }
  put(text.slice(end));
  while (open.length > 1) fold();
  return open[0]!.inside;
}

export function markdown(text: string): Mark[] {
  const blocks: Mark[] = [];
  let lines: string[] = [];
  let fenced = false;
  const flush = (): void => {
    const said = lines.join('\n');
    lines = [];
    if (!said.trim()) return;
    blocks.push(fenced ? { tag: 'pre', inside: [said] } : { tag: 'p', inside: inline(said) });
  };
  for (const line of text.split('\n')) {
    if (fenced ? line.startsWith('```') : /^```+[^`]*$/.test(line)) {
      flush();
      fenced = !fenced;
      continue;
    }
    const found = fenced ? null : LINE.exec(line);
    if (!found) {
      lines.push(line);
      continue;
    }
    flush();
    const [mark, quote, item, heading] = found;
    const inside = inline(line.slice(mark.length));
    const last = blocks.at(-1);
    const tag = item ? 'ul' : quote ? 'blockquote' : 'p';
    const said: Node[] = item ? [{ tag: 'li', inside }] : inside;
    if (tag !== 'p' && last?.tag === tag)
      for (const node of item ? said : ['\n', ...said]) last.inside.push(node);
    else blocks.push({ tag, inside: heading ? [{ tag: 'b', inside }] : said });
  }
  flush();
  // Marks and nothing else: then they are what was said.
  return wordsIn(blocks).trim() ? blocks : [{ tag: 'p', inside: [text] }];
}

function wordsIn(nodes: Node[], between = ''): string {
  return nodes
    .map((node) =>
      typeof node === 'string' ? node : wordsIn(node.inside, node.tag === 'ul' ? '\n' : ''),
    )
    .join(between);
}

/** The words without the marks. */
export function plain(text: string): string {
  return wordsIn(markdown(text), '\n');
}
