// Starts the browser of the machine, for tests and pictures. The path may be set by the environment.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

/** The shell without windows is the same engine, and computes less for the same page. */
const PATHS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];

export function launch() {
  return chromium.launch({
    executablePath: process.env.SNUG_CHROMIUM ?? PATHS.find(existsSync),
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
