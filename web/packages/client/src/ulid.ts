// Message ids: ULIDs, in the order in which this client made them. The server
// never orders by them.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** From 0 up to 1, from the platform's strong source. */
export function strongRandom(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}

export function ulidSource(now: () => number, random: () => number): () => string {
  let time = 0;
  return () => {
    // Two in one millisecond: the second borrows from the next.
    time = Math.max(now(), time + 1);
    let id = '';
    for (let rest = time, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) {
      id = ALPHABET[rest % 32] + id;
    }
    while (id.length < 26) id += ALPHABET[Math.floor(random() * 32)];
    return id;
  };
}
