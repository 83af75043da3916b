/**
 * A bounded map that drops its oldest entries: it keeps at least the latest half of its limit, and at most the limit.
 *
 * Two maps take turns, and the older one is dropped as a whole. Removing the oldest key of a single map would become
 * slower and slower, because a map walks over its removed keys to find the first remaining one.
 */
export class RecentMap<Value> {
  #recent = new Map<string, Value>();
  #former = new Map<string, Value>();

  get(key: string): Value | undefined {
    return this.#recent.get(key) ?? this.#former.get(key);
  }

  /** Sets a value; drops old entries so that no more than `maxSize` remain. */
  set(key: string, value: Value, maxSize: number): void {
    this.#recent.set(key, value);
    if (this.#recent.size < maxSize / 2) return;
    this.#former = this.#recent;
    this.#recent = new Map();
  }

  /** Removes a key; returns its value. */
  take(key: string): Value | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    this.#recent.delete(key);
    this.#former.delete(key);
    return value;
  }

  /** All values, in no particular order. */
  *values(): Generator<Value, void, undefined> {
    yield* this.#recent.values();
    for (const [key, value] of this.#former) if (!this.#recent.has(key)) yield value;
  }

  clear(): void {
    this.#recent.clear();
    this.#former.clear();
  }
}
