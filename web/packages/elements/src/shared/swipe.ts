// A swipe from the edge at which a conversation began: the way back on a phone.

/** As far in as it may begin, and as far as it must go, in pixels. */
const EDGE = 32;
const FAR = 72;

export function edgeSwipe(host: HTMLElement & { back: boolean }, swiped: () => void) {
  let from: { x: number; y: number } | undefined;
  return {
    start({ touches }: TouchEvent): void {
      const touch = touches[0];
      if (!host.back || !touch || touches.length !== 1) return;
      const { left, right } = host.getBoundingClientRect();
      const rtl = getComputedStyle(host).direction === 'rtl';
      const { clientX: x, clientY: y } = touch;
      from = (rtl ? right - x : x - left) < EDGE ? { x, y } : undefined;
    },
    end(event: TouchEvent): void {
      const touch = event.changedTouches[0];
      const begun = from;
      from = undefined;
      if (!begun || !touch) return;
      const far = Math.abs(touch.clientX - begun.x);
      if (far > FAR && far > 2 * Math.abs(touch.clientY - begun.y)) swiped();
    },
  };
}
