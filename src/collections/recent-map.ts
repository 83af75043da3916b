/**
 * A map that forgets what was set long ago: it keeps between half of its limit and all of it.
 *
 * Two maps take turns, and the older one is dropped whole. Removing the oldest key of one map instead would get
 * slower and slower, as a map walks over its removed keys to find the first that is left.
 */
export class RecentMap<Value> {
  #recent = new Map<string, Value>();
  #former = new Map<string, Value>();

  /** How many keys there are; one that was set again may count twice. */
  get size(): number {
    return this.#recent.size + this.#former.size;
  }

  /** The key's value, if it is still known. */
  get(key: string): Value | undefined {
    return this.#recent.get(key) ?? this.#former.get(key);
  }

  /** Keeps a value, and forgets what is needed to hold no more than `maxSize`. */
  set(key: string, value: Value, maxSize: number): void {
    this.#recent.set(key, value);
    if (this.#recent.size < maxSize / 2) return;
    this.#former = this.#recent;
    this.#recent = new Map();
  }

  /** Forgets the key; gives the value it had. */
  take(key: string): Value | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    this.#recent.delete(key);
    this.#former.delete(key);
    return value;
  }

  /** Forgets everything. */
  clear(): void {
    this.#recent.clear();
    this.#former.clear();
  }
}
