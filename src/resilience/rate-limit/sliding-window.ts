const FIRST_CAPACITY = 64;
const LAST_CAPACITY = 2_048;

/**
 * What was used in the last `spanMs` milliseconds: a log of entries, oldest first. In O(log n) it finds the total, the
 * time at which a given amount will have expired, and takes back part of any entry.
 *
 * The log is a ring buffer beside a Fenwick tree (P. Fenwick, "A New Data Structure for Cumulative Frequency Tables",
 * 1994) over the same slots. Memory is bounded: once there are many entries, neighbours less than a 1,024th of the
 * span apart share one, which expires with the younger of them. So nothing expires early.
 */
export class SlidingWindow {
  /** How long an entry counts, in milliseconds; may change at any time. */
  spanMs: number;
  #capacity = FIRST_CAPACITY;
  #atMs = new Float64Array(FIRST_CAPACITY);
  // When the first of the amounts that share an entry was added: limits how long others may join it.
  #openedAtMs = new Float64Array(FIRST_CAPACITY);
  #amounts = new Float64Array(FIRST_CAPACITY);
  #tree = new Float64Array(FIRST_CAPACITY + 1);
  // Entry numbers only grow; the slot of an entry is its number modulo the capacity.
  #head = 0;
  #tail = 0;
  #used = 0;

  constructor(spanMs: number) {
    this.spanMs = spanMs;
  }

  /** The total of the entries that have not expired; with a `spanMs` shorter than the window's, of the younger ones. */
  usedAt(nowMs: number, spanMs = this.spanMs): number {
    this.#expire(nowMs);
    return this.#used - this.#olderThan(spanMs, nowMs);
  }

  /** Adds an amount; returns the number of its entry, for {@link takeBack}. */
  add(amount: number, nowMs: number): number {
    this.#expire(nowMs);
    const shared = this.#sharedEntry(nowMs);
    if (shared !== undefined) {
      this.#atMs[this.#slot(shared)] = nowMs;
      this.#change(shared, amount);
      return shared;
    }
    if (this.#tail - this.#head === this.#capacity) this.#grow();
    const entry = this.#tail;
    this.#tail += 1;
    const slot = this.#slot(entry);
    this.#atMs[slot] = nowMs;
    this.#openedAtMs[slot] = nowMs;
    this.#amounts[slot] = 0;
    this.#change(entry, amount);
    return entry;
  }

  /** Takes back part of an entry. Does nothing once the entry has expired. */
  takeBack(entry: number, amount: number, nowMs: number): void {
    this.#expire(nowMs);
    if (entry < this.#head) return;
    this.#change(entry, -Math.min(amount, this.#amounts[this.#slot(entry)] as number));
  }

  /**
   * When at least `amount` of the current total will have expired; infinite if the total is smaller than that. With a
   * `spanMs` shorter than the window's, entries expire that much earlier.
   */
  leftByMs(amount: number, nowMs: number, spanMs = this.spanMs): number {
    this.#expire(nowMs);
    if (amount <= 0) return nowMs;
    const older = this.#olderThan(spanMs, nowMs);
    if (amount > this.#used - older) return Number.POSITIVE_INFINITY;
    return (this.#atMs[this.#slotOfSum(amount + older)] as number) + spanMs;
  }

  #slot(entry: number): number {
    return entry % this.#capacity;
  }

  #expire(nowMs: number): void {
    while (this.#head < this.#tail) {
      const slot = this.#slot(this.#head);
      if ((this.#atMs[slot] as number) + this.spanMs > nowMs) return;
      this.#change(this.#head, -(this.#amounts[slot] as number));
      this.#head += 1;
    }
  }

  /** The total of the entries that a shorter span leaves out. */
  #olderThan(spanMs: number, nowMs: number): number {
    if (spanMs >= this.spanMs || this.#head === this.#tail) return 0;
    let first = this.#head;
    let end = this.#tail;
    while (first < end) {
      const middle = Math.floor((first + end) / 2);
      if ((this.#atMs[this.#slot(middle)] as number) + spanMs > nowMs) end = middle;
      else first = middle + 1;
    }
    return this.#sumOfEntriesBefore(first);
  }

  /** The youngest entry, if an amount added now may share it. */
  #sharedEntry(nowMs: number): number | undefined {
    if (this.#head === this.#tail) return undefined;
    const youngest = this.#tail - 1;
    const slot = this.#slot(youngest);
    if (this.#atMs[slot] === nowMs) return youngest;
    if (this.#tail - this.#head < LAST_CAPACITY / 2) return undefined;
    // With half the slots taken, the other half is enough for a span's worth of shared entries.
    const grainMs = this.spanMs / (LAST_CAPACITY / 2 - 1);
    return nowMs - (this.#openedAtMs[slot] as number) < grainMs ? youngest : undefined;
  }

  #change(entry: number, difference: number): void {
    const slot = this.#slot(entry);
    this.#amounts[slot] = (this.#amounts[slot] as number) + difference;
    this.#used += difference;
    for (let node = slot + 1; node <= this.#capacity; node += node & -node) {
      this.#tree[node] = (this.#tree[node] as number) + difference;
    }
  }

  /** The slot in which the running sum from the oldest entry on reaches `amount`. */
  #slotOfSum(amount: number): number {
    const before = this.#sumBefore(this.#slot(this.#head));
    const upToEnd = (this.#tree[this.#capacity] as number) - before;
    return amount <= upToEnd ? this.#search(before + amount) : this.#search(amount - upToEnd);
  }

  /** The total of the entries with lower numbers. */
  #sumOfEntriesBefore(entry: number): number {
    if (entry === this.#head) return 0;
    if (entry === this.#tail) return this.#used;
    const head = this.#slot(this.#head);
    const slot = this.#slot(entry);
    const sum = this.#sumBefore(slot) - this.#sumBefore(head);
    return slot > head ? sum : sum + (this.#tree[this.#capacity] as number);
  }

  #sumBefore(slot: number): number {
    let sum = 0;
    for (let node = slot; node > 0; node -= node & -node) sum += this.#tree[node] as number;
    return sum;
  }

  /** The first slot whose running sum from slot 0 on is at least `sum`. */
  #search(sum: number): number {
    let node = 0;
    let rest = sum;
    for (let step = this.#capacity; step > 0; step >>= 1) {
      const next = node + step;
      if (next <= this.#capacity && (this.#tree[next] as number) < rest) {
        node = next;
        rest -= this.#tree[next] as number;
      }
    }
    return node;
  }

  #grow(): void {
    const old = {
      capacity: this.#capacity,
      atMs: this.#atMs,
      openedAtMs: this.#openedAtMs,
      amounts: this.#amounts,
    };
    this.#capacity *= 2;
    this.#atMs = new Float64Array(this.#capacity);
    this.#openedAtMs = new Float64Array(this.#capacity);
    this.#amounts = new Float64Array(this.#capacity);
    this.#tree = new Float64Array(this.#capacity + 1);
    this.#used = 0;
    for (let entry = this.#head; entry < this.#tail; entry += 1) {
      const from = entry % old.capacity;
      const to = this.#slot(entry);
      this.#atMs[to] = old.atMs[from] as number;
      this.#openedAtMs[to] = old.openedAtMs[from] as number;
      this.#change(entry, old.amounts[from] as number);
    }
  }
}
