// Message ids: ULIDs, monotone within one client so that ids sort as they were
// made. The server never orders by them.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** From 0 up to 1, from the platform's strong source. */
export function strongRandom(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}

export function ulidSource(now: () => number, random: () => number): () => string {
  let lastTime = -1;
  let digits: number[] = [];
  return () => {
    const time = Math.max(now(), lastTime);
    if (time > lastTime) digits = Array.from({ length: 16 }, () => Math.floor(random() * 32));
    else increment(digits);
    lastTime = time;
    let head = '';
    for (let rest = time, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) {
      head = ALPHABET[rest % 32] + head;
    }
    return head + digits.map((digit) => ALPHABET[digit]).join('');
  };
}

function increment(digits: number[]): void {
  for (let i = digits.length - 1; i >= 0; i--) {
    digits[i] = (digits[i]! + 1) % 32;
    if (digits[i] !== 0) return;
  }
}
