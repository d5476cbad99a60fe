// Elements without a framework and without markup in strings: nothing here can be injected
// into, so the page runs under a policy that forbids it.

export type Child = Node | string | number | false | null | undefined | Child[];

type Handlers = { [E in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[E]) => void };

export type Attributes = { [name: string]: string | number | boolean | null | undefined } & {
  on?: never;
};

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  append(element, children);
  return element;
}

export function append(parent: Node, children: Child): void {
  if (Array.isArray(children)) {
    for (const child of children) append(parent, child);
  } else if (children !== false && children !== null && children !== undefined) {
    parent.appendChild(children instanceof Node ? children : new Text(String(children)));
  }
}

export function on<T extends HTMLElement>(element: T, handlers: Handlers): T {
  for (const [name, handler] of Object.entries(handlers)) {
    element.addEventListener(name, handler as EventListener);
  }
  return element;
}

export function replace(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, children);
}

const SVG = 'http://www.w3.org/2000/svg';

export function icon(path: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS(SVG, 'path');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}

export const ICONS = {
  copy: 'M9 9h10v10H9zM5 15V5h10',
  done: 'M5 12.5 10 17.5 19 7.5',
  plus: 'M12 5v14M5 12h14',
  back: 'M15 5l-7 7 7 7',
  cross: 'M6 6l12 12M18 6 6 18',
} as const;
