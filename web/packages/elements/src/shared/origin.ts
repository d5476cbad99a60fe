// Where this script came from: the server that serves the SDK is the server
// one chats with, unless the page says otherwise.

function loadedFrom(): string {
  if (typeof document === 'undefined') return '';
  const script = document.currentScript;
  if (script instanceof HTMLScriptElement && script.src) return script.src;
  // Undefined in the classic script.
  const module = import.meta.url as string | undefined;
  if (module && /^https?:/.test(module)) return module;
  return document.querySelector<HTMLScriptElement>('script[src$="/snug.js"]')?.src ?? '';
}

// Only at import is `document.currentScript` still known.
const source = loadedFrom();

export function defaultUrl(): string {
  if (source) return new URL(source).origin;
  return typeof location === 'undefined' ? '' : location.origin;
}

/** The form in which two urls are compared: no trailing slash. */
export function normalUrl(url: string | null | undefined): string {
  if (!url) return defaultUrl();
  try {
    const absolute = new URL(url, typeof location === 'undefined' ? undefined : location.href);
    return absolute.href.replace(/\/+$/, '');
  } catch {
    return url;
  }
}
