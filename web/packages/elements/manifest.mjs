// The custom elements manifest, read from the comments of the elements: what
// is not written there is not in it.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const clean = (comment) =>
  comment
    .split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, '').trimEnd())
    .join('\n')
    .trim();

function tagsOf(comment, tag) {
  const found = comment.matchAll(new RegExp(`^@${tag} +(\\S*)(?: +- +| *)(.*)$`, 'gm'));
  return [...found].map(([, name, description]) =>
    name === '-' ? { name: '', description } : { name, description },
  );
}

/** `/** … *\/ declare name: type;` of one class. */
function fieldsOf(text) {
  const found = text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+declare (\w+): ([^;]+);/g);
  return [...found].map(([, comment, name, type]) => ({
    kind: 'field',
    name,
    type: { text: type.trim() },
    description: clean(comment),
  }));
}

/** Property name to attribute name; properties without an attribute are left out. */
function attributesOf(text) {
  const block = /static override properties[^=]*= \{([\s\S]*?)\n? *\};/.exec(text)?.[1] ?? '';
  const attributes = new Map();
  for (const [, name, options] of block.matchAll(/(\w+): \{([^}]*)\}/g)) {
    if (/attribute: false|state: true/.test(options)) continue;
    attributes.set(name, /attribute: '([^']+)'/.exec(options)?.[1] ?? name.toLowerCase());
  }
  return attributes;
}

/** What is said of a class that others extend. */
function abstractComment(text) {
  const found = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+export abstract class/.exec(text);
  return found ? clean(found[1]) : '';
}

function declarationOf(text, bases) {
  const found = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+export class (\w+) extends (\w+)/.exec(text);
  if (!found) return undefined;
  const comment = clean(found[1]);
  const tagName = tagsOf(comment, 'element')[0]?.name;
  if (!tagName) return undefined;
  const sources = [text, ...bases(found[3])];
  const comments = [comment, ...sources.slice(1).map(abstractComment)].join('\n');
  const members = sources.flatMap(fieldsOf);
  const attributes = new Map(sources.flatMap((source) => [...attributesOf(source)]));
  return {
    kind: 'class',
    name: found[2],
    tagName,
    customElement: true,
    description: comment.split(/\n@/)[0].trim(),
    members,
    attributes: [...attributes]
      .map(([fieldName, name]) => ({
        name,
        fieldName,
        description: members.find((m) => m.name === fieldName)?.description ?? '',
      }))
      .concat(tagsOf(comment, 'attr')),
    events: tagsOf(comments, 'fires').map((e) => ({ ...e, type: { text: 'CustomEvent' } })),
    slots: tagsOf(comment, 'slot'),
    cssParts: tagsOf(comments, 'csspart'),
    cssProperties: tagsOf(comment, 'cssprop'),
  };
}

export async function manifest(src) {
  const base = await readFile(join(src, 'shared', 'base.ts'), 'utf8');
  const panel = await readFile(join(src, 'shared', 'panel.ts'), 'utf8');
  const conversation = await readFile(join(src, 'room', 'conversation.ts'), 'utf8');
  const between = { SnugPanelElement: [panel], SnugConversation: [conversation] };
  const bases = (name) => [...(between[name] ?? []), base];
  const modules = [];
  for (const path of (await readdir(src, { recursive: true })).sort()) {
    if (!path.endsWith('.ts')) continue;
    const declaration = declarationOf(await readFile(join(src, path), 'utf8'), bases);
    if (!declaration) continue;
    modules.push({ kind: 'javascript-module', path: `src/${path}`, declarations: [declaration] });
  }
  return { schemaVersion: '1.0.0', readme: '', modules };
}
