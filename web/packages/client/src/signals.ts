// What a browser says about network and page. Nothing is touched before
// `watchPage` runs, and without a window it does nothing.

/** `wake` is called at every moment at which the network may be another. */
export function watchPage(wake: () => void): () => void {
  if (typeof window === 'undefined' || typeof document === 'undefined') return () => {};
  // Wrapped: two clients on one page must not take each other's listener off.
  const listener = () => wake();
  const watched = [
    [window, 'online'],
    [window, 'offline'],
    [window, 'pageshow'],
    [document, 'visibilitychange'],
  ] as const;
  for (const [target, event] of watched) target.addEventListener(event, listener);
  return () => {
    for (const [target, event] of watched) target.removeEventListener(event, listener);
  };
}

export function networkGone(): boolean {
  return typeof navigator !== 'undefined' && navigator.onLine === false;
}
