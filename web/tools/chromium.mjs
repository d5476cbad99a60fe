// Starts the browser of the machine, for tests and pictures. The path may be set by the environment.
// Not the shell without windows (chromium-headless-shell): it takes half the time, but observers of
// sizes do not run in it reliably, so that a list that follows its end is not seen to.
import { chromium } from 'playwright-core';

/** The last list of its kind is the one that counts: Playwright's own, and the browser's toolbars,
 * each of which would be drawn by a process of its own for every window that nobody sees. */
const OFF = [
  ...['AvoidUnnecessaryBeforeUnloadCheckSync', 'DestroyProfileOnBrowserClose', 'HttpsUpgrades'],
  ...['HttpsFirstBalancedModeAutoEnable', 'LensOverlay', 'MediaRouter', 'PaintHolding'],
  ...['ThirdPartyStoragePartitioning', 'AvoidCorsURLLoaderRestartOnRedirect', 'AimEnabled'],
  ...['OptimizationHints', 'NetworkTimeServiceQuerying', 'PreconnectToSearch'],
  ...['InitialWebUI', 'WebUIToolbar', 'WebUIReloadButton', 'WebUIBackForwardButton'],
  ...['WebUIHomeButton', 'WebUILocationBar', 'WebUISplitTabsButton', 'WebUIOmniboxPopup'],
  ...['WebUITabStrip', 'PreloadTopChromeWebUI'],
];

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
      `--disable-features=${OFF.join(',')}`,
    ],
  });
}
