// Starts the browser of the machine, for tests and pictures. The path may be set by the environment.
// Not the shell without windows (chromium-headless-shell): it takes half the time, but observers of
// sizes do not run in it reliably, so that a list that follows its end is not seen to.
import { chromium } from 'playwright-core';

export function launch() {
  return chromium.launch({
    executablePath: process.env.SNUG_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}
