/** Requests with known sizes and prices, the same for the same seed. Answers are numbered. */
export interface RequestTrace {
  /** Which answer is asked for, one after the other. */
  readonly requests: readonly number[];
  /** Size of each answer. */
  readonly sizeBytes: readonly number[];
  /** Price of each answer, in US dollars. */
  readonly costUsd: readonly number[];
  /** Bytes of all distinct answers. */
  readonly totalBytes: number;
}

/** Shape of a trace: a share asked once, the rest by popularity, which may drift. */
export interface TraceShape {
  /** How many requests. */
  readonly requests: number;
  /** How many answers are asked for again. */
  readonly keys: number;
  /** Exponent of Zipf's law. */
  readonly skew: number;
  /** How often two answers change places in popularity, per request. */
  readonly drift: number;
  /** Share of requests for an answer that is never requested again, 0 to 1. */
  readonly askedOnce: number;
  /** Equal seeds give equal traces. */
  readonly seed: number;
}

/** Makes a trace: sizes and prices are log-normal, popularity follows Zipf's law. */
export function makeTrace(shape: TraceShape): RequestTrace {
  const random = randomFrom(shape.seed);
  const sizeBytes: number[] = [];
  const costUsd: number[] = [];
  const addKey = () => {
    sizeBytes.push(Math.max(64, Math.round(Math.exp(7.6 + normal(random)))));
    costUsd.push(Math.exp(-5 + 1.2 * normal(random)));
    return sizeBytes.length - 1;
  };
  const ranked = Array.from({ length: shape.keys }, addKey);
  for (let index = shape.keys - 1; index > 0; index -= 1)
    swap(ranked, index, Math.floor(random() * (index + 1)));
  const pick = zipfPicker(shape.keys, shape.skew, random);
  const requests = Array.from({ length: shape.requests }, () => {
    if (random() < shape.askedOnce) return addKey();
    if (random() < shape.drift) {
      swap(ranked, Math.floor(random() * shape.keys), Math.floor(random() * random() * shape.keys));
    }
    return ranked[pick()] as number;
  });
  const totalBytes = [...new Set(requests)].reduce((sum, key) => sum + (sizeBytes[key] as number), 0);
  return { requests, sizeBytes, costUsd, totalBytes };
}

/** Numbers from 0 to 1, the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ranks from 0, by Zipf's law. */
export function zipfPicker(keys: number, skew: number, random: () => number): () => number {
  const sums: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= keys; rank += 1) {
    sum += 1 / rank ** skew;
    sums.push(sum);
  }
  return () => {
    const wanted = random() * sum;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function swap(list: number[], a: number, b: number): void {
  [list[a], list[b]] = [list[b] as number, list[a] as number];
}
