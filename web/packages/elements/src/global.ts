// The one-script form: the same as the module, and `window.Snug`.
import * as snug from './index.js';

declare global {
  interface Window {
    Snug: typeof snug;
  }
}

if (typeof window !== 'undefined') window.Snug = snug;
