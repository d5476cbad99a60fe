// Puts what floats over a conversation beside what it belongs to: under it where
// there is room, else over it, and never out of its frame.

const EDGE = 8;
const GAP = 6;

export function putBeside(floating: HTMLElement, at: DOMRect, atEnd: boolean): void {
  const frame = floating.parentElement?.getBoundingClientRect();
  if (!frame) return;
  const { offsetHeight: high, offsetWidth: wide } = floating;
  const under = at.bottom - frame.top + GAP;
  const over = at.top - frame.top - high - GAP;
  const top = under + high <= frame.height - EDGE ? under : over;
  const right = (getComputedStyle(floating).direction === 'rtl') !== atEnd;
  const left = right ? at.right - frame.left - wide : at.left - frame.left;
  floating.style.top = `${Math.max(EDGE, Math.min(top, frame.height - high - EDGE))}px`;
  floating.style.left = `${Math.max(EDGE, Math.min(left, frame.width - wide - EDGE))}px`;
}
