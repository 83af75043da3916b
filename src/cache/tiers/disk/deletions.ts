import { RecentMap } from '../../../collections/recent-map.js';
import type { TierChange } from '../cache-tier.js';
import { type Selectable, selectorTest } from '../selector.js';

/** For how long rows are checked against a deletion by another process, in milliseconds: it deletes them by then. */
const MAX_AGE_MS = 600_000;
const MAX_KEPT = 1_000;
/** Changes that wait for memory; of more than this it drops everything. */
const MAX_CHANGES = 10_000;

const MAX_KEYS = 10_000;

interface NamedDeletion {
  readonly isSelected: (entry: Selectable) => boolean;
  readonly createdUpTo: number;
}

/** Deletions by other processes that may still be running: a row that they name is gone already. */
export class ForeignDeletions {
  #deletions: NamedDeletion[] = [];
  readonly #keys = new RecentMap<number>();

  note({ selector, createdUpTo }: TierChange, nowMs: number): void {
    if (selector !== 'all' && 'key' in selector) {
      this.#keys.set(selector.key, createdUpTo, MAX_KEYS);
      return;
    }
    const isYoung = (deletion: NamedDeletion) => deletion.createdUpTo > nowMs - MAX_AGE_MS;
    this.#deletions = this.#deletions.filter(isYoung).slice(-MAX_KEPT);
    this.#deletions.push({ isSelected: selectorTest(selector), createdUpTo });
  }

  /** Whether an entry is one that another process has deleted. */
  cover(entry: Selectable & { readonly key: string; readonly createdAt: number }): boolean {
    if (entry.createdAt <= (this.#keys.get(entry.key) ?? Number.NEGATIVE_INFINITY)) return true;
    return this.#deletions.some(
      ({ isSelected, createdUpTo }) => entry.createdAt <= createdUpTo && isSelected(entry),
    );
  }

  clear(): void {
    this.#deletions = [];
    this.#keys.clear();
  }
}

/** What other processes have changed and memory does not know yet. */
export class ChangeBuffer {
  #changes: TierChange[] = [];

  add(change: TierChange): void {
    if (this.#changes.length < MAX_CHANGES) this.#changes.push(change);
    else this.addAll(Math.max(change.createdUpTo, ...this.#changes.map(({ createdUpTo }) => createdUpTo)));
  }

  /** Everything may have changed. */
  addAll(createdUpTo: number): void {
    this.#changes = [{ selector: 'all', createdUpTo }];
  }

  take(): readonly TierChange[] {
    const changes = this.#changes;
    if (changes.length > 0) this.#changes = [];
    return changes;
  }
}

/** A deletion by this process, to be logged for the others. */
export interface OwnDeletion extends TierChange {
  /** The highest id of all rows when it was logged: later ones are newer. */
  upToId: number;
}

/** Deletions that wait to be logged. */
export class DeletionLog {
  #waiting: OwnDeletion[] = [];
  #running: OwnDeletion[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#running.length === 0;
  }

  add(change: TierChange): OwnDeletion {
    const deletion = { ...change, upToId: 0 };
    this.#waiting.push(deletion);
    return deletion;
  }

  /** Up to when entries of the key are to be deleted; long ago when it is not asked for: what was evicted may come back. */
  createdUpToOf(key: string): number {
    let latest = Number.NEGATIVE_INFINITY;
    for (const { selector, createdUpTo } of this.#waiting) {
      if (selector !== 'all' && 'key' in selector && selector.key === key)
        latest = Math.max(latest, createdUpTo);
    }
    return latest;
  }

  /** Takes everything that waits, to be logged now. */
  take(): readonly OwnDeletion[] {
    this.#running = this.#waiting;
    this.#waiting = [];
    return this.#running;
  }

  /** What was taken is logged. */
  done(upToId: number): void {
    for (const deletion of this.#running) deletion.upToId = upToId;
    this.#running = [];
  }

  /** What was taken could not be logged: it waits again. */
  putBack(): void {
    const waiting = [...this.#running, ...this.#waiting];
    this.#running = [];
    // Nothing can be written for long: one deletion of everything takes the place of thousands.
    const latest = waiting.reduce((latest, { createdUpTo }) => Math.max(latest, createdUpTo), 0);
    this.#waiting =
      waiting.length <= MAX_CHANGES ? waiting : [{ selector: 'all', createdUpTo: latest, upToId: 0 }];
  }
}
