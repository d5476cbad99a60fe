// With `keep=tab` the tab remembers the token, so that the page around may set
// the frame's address anew without one. Nothing is kept unless it is asked for.

export class Keep {
  readonly #key: string;
  readonly #asked: boolean;

  constructor(asked: boolean, app: string | undefined) {
    this.#asked = asked;
    this.#key = `snug.embed.${app ?? ''}`;
  }

  get(): string | undefined {
    return this.#storage()?.getItem(this.#key) ?? undefined;
  }

  put(token: string): void {
    this.#storage()?.setItem(this.#key, token);
  }

  clear(): void {
    this.#storage()?.removeItem(this.#key);
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
