// The device id: the page's own, else one made here. It is kept only where the
// page allowed storage; otherwise it lives as long as the page.
const KEY = 'snug.device';

export function deviceId(
  given: string | undefined,
  storage: 'none' | 'local' | undefined,
  mint: () => string,
): string {
  if (given) return given;
  const made = `web_${mint()}`;
  if (storage !== 'local') return made;
  try {
    const kept = localStorage.getItem(KEY);
    if (kept) return kept;
    localStorage.setItem(KEY, made);
  } catch {
    // Storage is refused or absent: an id per page load is the documented fallback.
  }
  return made;
}
