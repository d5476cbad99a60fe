// A swipe from the edge at which a conversation began: the way back on a phone.

/** As far in as it may begin, and as far as it must go, in pixels. */
const EDGE = 32;
const FAR = 72;

export class EdgeSwipe {
  private from: { x: number; y: number } | undefined;

  constructor(
    private readonly host: HTMLElement & { back: boolean },
    private readonly swiped: () => void,
  ) {}

  readonly start = ({ touches }: TouchEvent): void => {
    const { host } = this;
    const touch = touches[0];
    if (!host.back || !touch || touches.length !== 1) return;
    const edge = host.getBoundingClientRect();
    const rtl = getComputedStyle(host).direction === 'rtl';
    const inset = rtl ? edge.right - touch.clientX : touch.clientX - edge.left;
    this.from = inset < EDGE ? { x: touch.clientX, y: touch.clientY } : undefined;
  };

  readonly end = (event: TouchEvent): void => {
    const { from } = this;
    const touch = event.changedTouches[0];
    this.from = undefined;
    if (!from || !touch) return;
    const far = Math.abs(touch.clientX - from.x);
    if (far > FAR && far > 2 * Math.abs(touch.clientY - from.y)) this.swiped();
  };
}
