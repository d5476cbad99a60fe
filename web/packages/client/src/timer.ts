// One timer at a time, which knows whether it runs.

export class Timer {
  #id: ReturnType<typeof setTimeout> | undefined;

  get running(): boolean {
    return this.#id !== undefined;
  }

  /** Takes the place of what was set before. */
  set(ms: number, callback: () => void): void {
    this.clear();
    this.#id = setTimeout(() => {
      this.#id = undefined;
      callback();
    }, ms);
  }

  clear(): void {
    clearTimeout(this.#id);
    this.#id = undefined;
  }
}
