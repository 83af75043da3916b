import type { StoredEntry } from '../../cache-entry.js';

/** An entry to write, or `null` for a key to delete. */
export type PendingWrite = StoredEntry | null;

/** Pending writes, the newest of each key. What is being written can still be read here. */
export class WriteQueue {
  #waiting = new Map<string, PendingWrite>();
  #running = new Map<string, PendingWrite>();
  #waitingBytes = 0;

  /** How many writes wait. */
  get length(): number {
    return this.#waiting.size;
  }

  /** How many bytes wait. */
  get sizeBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether everything was written. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#running.size === 0;
  }

  put(key: string, write: PendingWrite): void {
    // A key that waits keeps its place: who waits for what was queued up to now waits for its place.
    this.#waitingBytes += (write?.sizeBytes ?? 0) - (this.#waiting.get(key)?.sizeBytes ?? 0);
    this.#waiting.set(key, write);
  }

  /** What the key will be: an entry, `null` when it will be gone, `undefined` when nothing is pending. */
  get(key: string): PendingWrite | undefined {
    const waiting = this.#waiting.get(key);
    return waiting === undefined ? this.#running.get(key) : waiting;
  }

  /** Everything pending, the newest for each key. */
  *pending(): Generator<[string, PendingWrite]> {
    for (const write of this.#running) if (!this.#waiting.has(write[0])) yield write;
    yield* this.#waiting;
  }

  /** Drops what waits for the key. */
  drop(key: string): void {
    this.#forget(key);
  }

  /** Everything that waits and is not being written yet. */
  waiting(): IterableIterator<[string, PendingWrite]> {
    return this.#waiting.entries();
  }

  /** Takes what waits, oldest first and up to these limits, to be written now. */
  take(maxWrites: number, maxBytes: number): ReadonlyMap<string, PendingWrite> {
    if (this.#waiting.size <= maxWrites && this.#waitingBytes <= maxBytes) {
      this.#running = this.#waiting;
      this.#waiting = new Map();
      this.#waitingBytes = 0;
      return this.#running;
    }
    this.#running = new Map();
    let takenBytes = 0;
    for (const [key, write] of this.#waiting) {
      if (this.#running.size >= maxWrites || takenBytes >= maxBytes) break;
      this.#running.set(key, write);
      takenBytes += write?.sizeBytes ?? 0;
      this.#forget(key);
    }
    return this.#running;
  }

  /** What was taken is written. */
  done(): void {
    this.#running = new Map();
  }

  /** What was taken could not be written: it waits again, in front, unless a newer write has replaced it. */
  putBack(): void {
    const newer = this.#waiting;
    this.#waiting = this.#running;
    this.#running = new Map();
    for (const [key, write] of newer) {
      this.#waiting.delete(key);
      this.#waiting.set(key, write);
    }
    this.#waitingBytes = 0;
    for (const write of this.#waiting.values()) this.#waitingBytes += write?.sizeBytes ?? 0;
  }

  #forget(key: string): void {
    const former = this.#waiting.get(key);
    if (former === undefined) return;
    this.#waitingBytes -= former?.sizeBytes ?? 0;
    this.#waiting.delete(key);
  }
}
