const DEFAULT_SIZE = 256;

/** The most recent latencies and their percentiles. Memory is bounded; adding an entry costs a binary search. */
export class LatencyWindow {
  readonly #size: number;
  // A ring buffer, in order of arrival.
  readonly #recent: Float64Array;
  readonly #sorted: number[] = [];
  #next = 0;

  constructor(size = DEFAULT_SIZE) {
    this.#size = size;
    this.#recent = new Float64Array(size);
  }

  /** Number of latencies in the window. */
  get count(): number {
    return this.#sorted.length;
  }

  /** Adds a latency, in milliseconds; replaces the oldest one once the window is full. */
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
   * Adds an attempt that was cancelled after this long, in milliseconds, and would have taken longer. Without these,
   * the window of a hedged lane would contain only fast attempts and its percentiles would sink. An attempt cancelled
   * before the median says nothing and is left out.
   */
  addCancelled(elapsedMs: number): void {
    const median = this.percentile(50);
    if (median !== undefined && elapsedMs > median) this.add(elapsedMs);
  }

  /** The latency that `percentile` percent of them do not exceed, in milliseconds; `undefined` if there are none. */
  percentile(percentile: number): number | undefined {
    const rank = Math.ceil((percentile / 100) * this.#sorted.length);
    return this.#sorted[Math.max(0, rank - 1)];
  }

  /** The sorted position of a latency, or where it would be inserted. */
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
