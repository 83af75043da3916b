const DEFAULT_SIZE = 256;

/** The last few hundred latencies and their percentiles. Memory does not grow; an entry costs a binary search. */
export class LatencyWindow {
  readonly #size: number;
  // In order of arrival, as a ring.
  readonly #recent: Float64Array;
  readonly #sorted: number[] = [];
  #next = 0;

  constructor(size = DEFAULT_SIZE) {
    this.#size = size;
    this.#recent = new Float64Array(size);
  }

  /** How many latencies are kept. */
  get count(): number {
    return this.#sorted.length;
  }

  /** Adds a latency, in milliseconds; the oldest makes room. */
  add(latencyMs: number): void {
    if (!Number.isFinite(latencyMs)) return;
    if (this.#sorted.length === this.#size) {
      this.#sorted.splice(this.#positionOf(this.#recent[this.#next] as number), 1);
    }
    this.#recent[this.#next] = latencyMs;
    this.#next = (this.#next + 1) % this.#size;
    this.#sorted.splice(this.#positionOf(latencyMs), 0, latencyMs);
  }

  /**
   * Adds an attempt that was cancelled after this long, in milliseconds: it would have taken longer. Without those,
   * a window of hedged attempts would know only the fast ones, and its percentiles would sink. Attempts that were
   * cancelled early say nothing and are left out.
   */
  addCancelled(elapsedMs: number): void {
    const median = this.percentile(50);
    if (median !== undefined && elapsedMs > median) this.add(elapsedMs);
  }

  /** The latency that `percentile` percent do not exceed, in milliseconds; `undefined` without any. */
  percentile(percentile: number): number | undefined {
    const rank = Math.ceil((percentile / 100) * this.#sorted.length);
    return this.#sorted[Math.max(0, rank - 1)];
  }

  /** Where the latency stands, or would stand. */
  #positionOf(latencyMs: number): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] as number) < latencyMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
