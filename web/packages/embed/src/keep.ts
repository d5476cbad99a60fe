// With `keep=tab` the tab remembers the token, so that the page around may set
// the frame's address anew without one. Nothing is kept unless it is asked for.

/** One, whatever the address says: a token of another app is refused and forgotten. */
const KEY = 'snug.embed';

export class Keep {
  readonly #asked: boolean;

  constructor(asked: boolean) {
    this.#asked = asked;
  }

  get(): string | undefined {
    return this.#storage()?.getItem(KEY) ?? undefined;
  }

  put(token: string): void {
    this.#storage()?.setItem(KEY, token);
  }

  clear(): void {
    this.#storage()?.removeItem(KEY);
  }

  #storage(): Storage | undefined {
    if (!this.#asked) return undefined;
    try {
      return sessionStorage;
    } catch {
      // The browser keeps nothing for frames of other sites; then nothing is kept.
      return undefined;
    }
  }
}
