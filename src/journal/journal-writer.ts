// The module's own, which a test runner's fake timers leave alone: this is no timer.
import { setImmediate } from 'node:timers';
import type { SignedRow } from './journal-rows.js';

/**
 * Writes rows in groups: those added in one turn of the event loop, or while the previous group is being written, are
 * written together. After a failure nothing more is written.
 */
export class JournalWriter {
  readonly #write: (rows: readonly SignedRow[]) => Promise<void>;
  /** Adds what has to be written with the next group. */
  readonly #addTo: (rows: SignedRow[]) => void;
  #rows: SignedRow[] = [];
  #listeners: Array<() => void> = [];
  #running: Promise<void> | undefined = undefined;
  #isWanted = false;
  /** Set when what is left must not be written. */
  isStopped = false;
  /** What went wrong. */
  failure: { thrown: unknown } | undefined = undefined;

  constructor(
    write: (rows: readonly SignedRow[]) => Promise<void>,
    addTo: (rows: SignedRow[]) => void = () => {},
  ) {
    this.#write = write;
    this.#addTo = addTo;
  }

  /** Has a row written; `whenWritten` is called when it is on disk, or never will be. */
  add(row: SignedRow, whenWritten?: () => void): void {
    this.#rows.push(row);
    if (whenWritten !== undefined) this.#listeners.push(whenWritten);
    this.wake();
  }

  /** Has a group written, if only of what is added to each. */
  wake(): void {
    this.#isWanted = true;
    this.#running ??= this.#run();
  }

  /** Resolves when everything that was added has been dealt with. */
  async flush(): Promise<void> {
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#isWanted) await this.#writeGroup();
    this.#running = undefined;
  }

  async #writeGroup(): Promise<void> {
    this.#isWanted = false;
    const rows = this.#rows;
    const listeners = this.#listeners;
    this.#rows = [];
    this.#listeners = [];
    this.#addTo(rows);
    try {
      const mayWrite = this.failure === undefined && !this.isStopped;
      if (mayWrite && rows.length > 0) await this.#write(rows);
    } catch (thrown) {
      this.failure ??= { thrown };
    }
    for (const listener of listeners) listener();
  }
}
