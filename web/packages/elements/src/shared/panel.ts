// A panel over the page that a button opens: the floating launcher's and the
// "chat with seller" button's. On a phone it is the whole screen.
import {
  html,
  nothing,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from 'lit';
import { SnugElement } from './base.js';

export abstract class SnugPanelElement extends SnugElement {
  static override properties: PropertyDeclarations = {
    open: { type: Boolean, reflect: true },
    position: { type: String, reflect: true },
  };

  /** Whether the panel is shown. */
  declare open: boolean;
  /** Corner of the page: `end` (the default) or `start`. */
  declare position: 'start' | 'end' | undefined;

  /** Opened once, it is only hidden, so that the conversation stays as it was. */
  private built = false;

  protected abstract panelContent(): TemplateResult;
  protected abstract panelLabel(): string;
  /** Where the focus goes when the panel opens; the panel itself by default. */
  protected focusInside(): void {}

  protected get panel(): HTMLElement | null {
    return this.renderRoot.querySelector('.panel');
  }

  show(): void {
    this.open = true;
  }

  hide(): void {
    if (!this.open) return;
    this.open = false;
    this.renderRoot.querySelector<HTMLElement>('[part=button]')?.focus();
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (this.open) this.built = true;
  }

  protected renderPanel(): TemplateResult | typeof nothing {
    if (!this.built) return nothing;
    return html`<div class="panel" part="panel" role="dialog" tabindex="-1" popover="manual"
      aria-label=${this.panelLabel()} ?hidden=${!this.open}
      @keydown=${this.onPanelKey} @snug-close=${this.onClose}>
      <div class="fill">${this.panelContent()}</div>
    </div>`;
  }

  private onPanelKey(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || event.isComposing) return;
    event.stopPropagation();
    this.hide();
  }

  private onClose(event: Event): void {
    event.stopPropagation();
    this.hide();
  }

  protected override updated(changed: PropertyValues): void {
    if (!changed.has('open')) return;
    const { panel } = this;
    if (!panel) return;
    // The top layer is free of the page's stacking and transforms.
    const shown = panel.matches(':popover-open');
    if (this.open && !shown) panel.showPopover();
    if (!this.open && shown) panel.hidePopover();
    this.announce(this.open ? 'snug-open' : 'snug-closed', {});
    if (!this.open) return;
    panel.focus({ preventScroll: true });
    void this.updateComplete.then(() => this.focusInside());
  }
}
