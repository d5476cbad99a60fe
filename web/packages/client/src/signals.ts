// What a browser says about network and page. Nothing is touched before
// `watchPage` runs, and without a window it does nothing.

export interface PageSignals {
  /** A moment at which trying again is likely to help. */
  wake(): void;
  /** The browser says that the network is gone. */
  offline(): void;
}

export function watchPage(signals: PageSignals): () => void {
  if (typeof window === 'undefined' || typeof document === 'undefined') return () => {};
  const visible = () => {
    if (document.visibilityState === 'visible') signals.wake();
  };
  const wake = () => signals.wake();
  const offline = () => signals.offline();
  const watched = [
    [window, 'online', wake],
    [window, 'pageshow', wake],
    [window, 'offline', offline],
    [document, 'visibilitychange', visible],
  ] as const;
  for (const [target, event, callback] of watched) target.addEventListener(event, callback);
  return () => {
    for (const [target, event, callback] of watched) target.removeEventListener(event, callback);
  };
}

export function networkGone(): boolean {
  return typeof navigator !== 'undefined' && navigator.onLine === false;
}
