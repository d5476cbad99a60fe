// A phone's keyboard lies over the page without resizing it. This measures how
// much of an element it covers and hands that to the style sheet.
import type { ReactiveController, ReactiveControllerHost } from 'lit';

export class KeyboardInset implements ReactiveController {
  /** `covered` answers what the keyboard may lie over; null leaves it to another element. */
  constructor(
    private readonly host: ReactiveControllerHost & HTMLElement,
    private readonly covered: () => HTMLElement | null = () => host,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    window.visualViewport?.addEventListener('resize', this.measure);
    window.visualViewport?.addEventListener('scroll', this.measure);
  }

  hostDisconnected(): void {
    window.visualViewport?.removeEventListener('resize', this.measure);
    window.visualViewport?.removeEventListener('scroll', this.measure);
  }

  private readonly measure = (): void => {
    const view = window.visualViewport;
    const element = this.covered();
    if (!view || !element) return;
    const open = view.scale < 1.05 && window.innerHeight - view.height > 80;
    const edge = view.offsetTop + view.height;
    const covered = open ? Math.max(0, element.getBoundingClientRect().bottom - edge) : 0;
    this.host.style.setProperty('--keyboard', `${Math.round(covered)}px`);
  };
}
