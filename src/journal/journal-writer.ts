// The module's own, which a test runner's fake timers leave alone: this is no timer.
import { setImmediate } from 'node:timers';
import type { JournalFile, JournalRow } from './journal-file.js';

/**
 * Writes rows in groups: what comes in one turn of the event loop, or while the group before is being written, is
 * written together. After a failure nothing more is written.
 */
export class JournalWriter {
  readonly #file: JournalFile;
  /** Adds what has to be written with the next group. */
  readonly #addTo: (rows: JournalRow[]) => void;
  #rows: JournalRow[] = [];
  #listeners: Array<() => void> = [];
  #running: Promise<void> | undefined = undefined;
  /** Set when what is left must not be written. */
  isStopped = false;
  /** What went wrong. */
  failure: { thrown: unknown } | undefined = undefined;

  constructor(file: JournalFile, addTo: (rows: JournalRow[]) => void) {
    this.#file = file;
    this.#addTo = addTo;
  }

  /** Has a row written; `whenWritten` is called when it is on disk, or never will be. */
  add(row: JournalRow, whenWritten?: () => void): void {
    this.#rows.push(row);
    if (whenWritten !== undefined) this.#listeners.push(whenWritten);
    this.#running ??= this.#run();
  }

  /** Resolves when everything that was added has been dealt with. */
  async flush(): Promise<void> {
    this.#running ??= this.#run();
    await this.#running;
  }

  async #run(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    do await this.#writeGroup();
    while (this.#rows.length > 0);
    this.#running = undefined;
  }

  async #writeGroup(): Promise<void> {
    const rows = this.#rows;
    const listeners = this.#listeners;
    this.#rows = [];
    this.#listeners = [];
    this.#addTo(rows);
    try {
      const mayWrite = this.failure === undefined && !this.isStopped;
      if (mayWrite && rows.length > 0) await this.#file.write(rows);
    } catch (thrown) {
      this.failure ??= { thrown };
    }
    for (const listener of listeners) listener();
  }
}
