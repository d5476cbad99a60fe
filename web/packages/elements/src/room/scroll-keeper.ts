// Keeps what is being read in its place. At the end it follows new messages;
// elsewhere it holds the first visible message where it stood, whatever comes
// above or below. It knows nothing of messages, only of keyed rows.

/** Still "at the end" this many pixels above it: half a line. */
const NEAR_END = 12;

interface Anchor {
  row: HTMLElement;
  key: string;
  top: number;
}

export class ScrollKeeper {
  /** Whether the view follows the end. */
  pinned = true;
  private box: HTMLElement | undefined;
  private rows: HTMLElement | undefined;
  private anchor: Anchor | undefined;
  /** Where the view was last seen to stand. */
  private top = 0;
  private resize: ResizeObserver | undefined;

  constructor(private readonly moved: () => void) {}

  /** Idempotent; the same pair is observed once. */
  watch(box: HTMLElement, rows: HTMLElement): void {
    if (this.box === box && this.rows === rows) return;
    this.unwatch();
    this.box = box;
    this.rows = rows;
    box.addEventListener('scroll', this.onScroll, { passive: true });
    this.resize = new ResizeObserver(() => {
      this.restore();
      this.moved();
    });
    this.resize.observe(box);
    this.resize.observe(rows);
  }

  unwatch(): void {
    this.box?.removeEventListener('scroll', this.onScroll);
    this.resize?.disconnect();
    this.box = undefined;
  }

  /** Pixels from the visible end to the real one. */
  get below(): number {
    const { box } = this;
    return box ? box.scrollHeight - box.clientHeight - box.scrollTop : 0;
  }

  get above(): number {
    return this.box?.scrollTop ?? 0;
  }

  get height(): number {
    return this.box?.clientHeight ?? 0;
  }

  private readonly onScroll = (): void => {
    const { above, below } = this;
    const near = below <= NEAR_END;
    // Only who goes up leaves the end: what is below may have grown since the view was moved,
    // before the event that tells of it.
    const up = above < this.top;
    // A view that springs back from beyond the end does not go up.
    this.top = above + Math.min(below, 0);
    if (!near && this.pinned && !up) return;
    // A pixel is enough.
    this.pinned = below < 1 || (near && !up);
    this.capture();
    this.moved();
  };

  /** Before the rows change: remembers the first one that is visible. */
  capture(): void {
    const { box, rows } = this;
    this.anchor = undefined;
    if (!box || !rows || box.clientHeight === 0) return;
    const edge = box.getBoundingClientRect().top;
    const list = rows.children;
    let low = 0;
    let high = list.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((list[mid] as HTMLElement).getBoundingClientRect().bottom > edge) high = mid;
      else low = mid + 1;
    }
    // Separators come and go with the messages around them: no anchors.
    for (let at = low; at < list.length; at += 1) {
      const row = list[at] as HTMLElement;
      const key = row.dataset.key;
      // Nor is what stays above older ones.
      if (!key || row.matches('.head')) continue;
      this.anchor = { row, key, top: row.getBoundingClientRect().top - edge };
      return;
    }
  }

  /** After the rows changed: puts the remembered row back, or follows the end. */
  restore(): void {
    const { box, rows, anchor } = this;
    if (!box || !rows || box.clientHeight === 0) return;
    if (this.pinned) {
      this.toEnd();
      return;
    }
    if (!anchor) return;
    const row = anchor.row.isConnected
      ? anchor.row
      : rows.querySelector<HTMLElement>(`[data-key="${CSS.escape(anchor.key)}"]`);
    if (!row) return;
    const moved = row.getBoundingClientRect().top - box.getBoundingClientRect().top - anchor.top;
    if (Math.abs(moved) >= 1) box.scrollTop += moved;
  }

  toEnd(smooth = false): void {
    const { box } = this;
    if (!box) return;
    this.pinned = true;
    box.scrollTo({ top: box.scrollHeight, behavior: smooth ? 'smooth' : 'instant' });
    this.top = box.scrollTop;
  }

  /** Puts a row a quarter of the way down the view. */
  show(row: HTMLElement): void {
    const { box } = this;
    if (!box) return;
    const top = row.getBoundingClientRect().top - box.getBoundingClientRect().top;
    box.scrollTop += top - box.clientHeight / 4;
    this.pinned = this.below <= NEAR_END;
    this.capture();
  }
}
