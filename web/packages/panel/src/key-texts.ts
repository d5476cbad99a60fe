// Public keys as people paste them.

/** Texts with an empty line between two; a PEM and a JWK have none inside. */
export function keysIn(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .map((key) => key.trim())
    .filter((key) => key !== '');
}
