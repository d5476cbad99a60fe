// What screens may ask of the page around them.

import type { PanelState } from './api.js';

export interface Panel {
  readonly state: PanelState;
  /** One sentence for the log-in screen, when a login ended by itself. */
  readonly note: string;
  /** After a log-in or sign-up: load the state anew and go to the applications. */
  enter(): Promise<void>;
  /** Draws the screen again under an open dialog. */
  redrawBehindDialog(): void;
  /** The name of what the screen shows has changed. */
  retitle(name: string): void;
}
