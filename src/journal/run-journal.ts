import type { CallOutcome } from '../contracts/result.js';
import { RunChangedError, type RunDifference, RunJournalError } from '../errors/run-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { type FoundRow, JournalFile, type JournalRow } from './journal-file.js';
import { JournalWriter } from './journal-writer.js';
import { fromStoredOutcome, toStoredOutcome } from './outcome-value.js';
import { type RunHead, readRunHead } from './run-head.js';
import type { RunLocation } from './run-location.js';
import { PAGE_TASKS, TaskPages } from './task-pages.js';

/** How a journal is opened. */
export interface OpenJournalOptions extends RunLocation {
  /** Whether a task that failed is run again instead of its failure being given back. */
  readonly retryFailed: boolean;
  /** Now, in milliseconds since the Unix epoch. */
  readonly epochMs: number;
}

/**
 * What a run has done so far, on disk, and where the rest is noted. It belongs to one run at a time. Outcomes are
 * read in batches as their tasks come up and written in groups, so that it never holds many of them.
 */
export class RunJournal {
  readonly #file: JournalFile;
  readonly #retryFailed: boolean;
  readonly #pages: TaskPages;
  readonly #writer: JournalWriter;
  readonly #lastRecorded: number;
  #head: RunHead;
  #account: string | undefined;
  /** Recorded outcomes whose tasks come up next. */
  #upcoming = new Map<number, FoundRow>();
  /** Outcomes that are not on disk yet. */
  unwritten = 0;

  private constructor(file: JournalFile, state: JournalState, retryFailed: boolean) {
    this.#file = file;
    this.#retryFailed = retryFailed;
    this.#head = state.head;
    this.#account = state.account;
    this.#lastRecorded = state.lastRecorded;
    this.#pages = new TaskPages(file, state.lastPage);
    this.#writer = new JournalWriter(file, (rows) => this.#addPageTo(rows));
  }

  /**
   * Opens the journal of a run, or begins one.
   *
   * @throws {@link RunBusyError} while another one holds it, {@link RunJournalError} when it cannot be used.
   */
  static async open(options: OpenJournalOptions): Promise<RunJournal> {
    const file = await JournalFile.open(options);
    try {
      const head = await readRunHead(file);
      const state: JournalState = {
        head: head ?? { runId: options.runId, createdAt: options.epochMs },
        account: await file.textOf('account'),
        lastPage: await file.lastPosition('page'),
        lastRecorded: await file.lastPosition('outcome'),
      };
      const journal = new RunJournal(file, state, options.retryFailed);
      if (head === undefined) journal.#writer.add(journal.#headRow());
      return journal;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What was last kept with {@link RunJournal.keepAccount}; `undefined` in a run that kept nothing. */
  get account(): unknown {
    return this.#account === undefined ? undefined : JSON.parse(this.#account);
  }

  /**
   * Keeps what the run has spent, or whatever else has to be known when it is resumed. It is on disk with the
   * outcomes that are recorded in the same turn of the event loop, all of it or nothing.
   *
   * @param account Anything that JSON can say.
   */
  keepAccount(account: unknown): void {
    this.#account = JSON.stringify(account);
    this.#writer.add({ kind: 'account', position: 0, success: undefined, value: this.#account });
  }

  /** @throws what went wrong with the journal since it was opened. */
  check(): void {
    if (this.#writer.failure !== undefined) throw this.#writer.failure.thrown;
  }

  /**
   * Notes how many tasks there are.
   *
   * @throws {@link RunChangedError} when there were more or fewer.
   */
  setLength(length: number): void {
    const before = this.#head.length;
    if (before === length) return;
    if (before !== undefined)
      throw this.#changedLength(length, `it had ${before} tasks and has ${length} now`);
    if (length <= this.#lastRecorded) {
      throw this.#changedLength(
        length,
        `it had at least ${this.#lastRecorded + 1} tasks and has ${length} now`,
      );
    }
    this.#head = { ...this.#head, length };
    this.#writer.add(this.#headRow());
  }

  /** Gets ready for {@link RunJournal.checkTask} at the place; a promise where that means reading. */
  turnTo(position: number): Promise<void> | undefined {
    if (this.#pages.isOpenAt(position)) return undefined;
    const changed = this.#pages.takeChanged();
    if (changed !== undefined) this.#writer.add(changed);
    return this.#pages.openAt(position);
  }

  /**
   * Compares a task with what the run has on record at its place, or notes it where there is nothing yet.
   *
   * @throws {@link RunChangedError} when they differ.
   */
  checkTask(position: number, fingerprint: string): void {
    this.#checkInside(position);
    const differs = this.#pages.compare(position, fingerprint);
    if (differs.length === 0) return;
    throw this.#changed(position, differs, `task ${position} differs in ${differs.join(', ')}`);
  }

  /**
   * Takes note that a task was refused.
   *
   * @throws {@link RunChangedError} when it was not refused before.
   */
  checkRefused(position: number, refusal: TuttiError): void {
    this.#checkInside(position);
    if (!this.#pages.has(position)) return;
    const what = `task ${position} was taken then and is refused now: ${refusal.message}`;
    throw new RunChangedError(this.#file.runId, position, ['admission'], what, { cause: refusal });
  }

  /** Gets ready for {@link RunJournal.recall} at these places; a promise where that means reading. */
  fetch(positions: readonly number[]): Promise<void> | undefined {
    const wanted = positions.filter((position) => position <= this.#lastRecorded);
    return wanted.length === 0 ? undefined : this.#fetch(wanted);
  }

  /** As {@link RunJournal.fetch}, for all tasks on the page of the place. */
  fetchPage(position: number): Promise<void> | undefined {
    const first = position - (position % PAGE_TASKS);
    return this.fetch(Array.from({ length: PAGE_TASKS }, (_none, offset) => first + offset));
  }

  /** The recorded outcome of a task, once; `undefined` when it has to be run. */
  recall(position: number, metadata: Record<string, unknown> | undefined): CallOutcome | undefined {
    const row = this.#upcoming.get(position);
    if (row === undefined) return undefined;
    this.#upcoming.delete(position);
    const outcome = this.#read(row, metadata);
    return outcome.success || !this.#retryFailed ? outcome : undefined;
  }

  /**
   * Records an outcome; `whenWritten` is called when it is on disk.
   *
   * @returns `false` where it cannot be stored: it holds what can neither be written as JSON nor cloned.
   */
  record(position: number, outcome: CallOutcome, whenWritten: () => void): boolean {
    const value = toStoredOutcome(outcome);
    if (value === undefined) return false;
    this.unwritten += 1;
    this.#writer.add({ kind: 'outcome', position, success: outcome.success, value }, () => {
      this.unwritten -= 1;
      whenWritten();
    });
    return true;
  }

  /** Resolves when everything recorded so far is on disk. Rejects with what went wrong. */
  async flush(): Promise<void> {
    await this.#writer.flush();
    this.check();
  }

  /** Writes what is left, and lets go of the file. Gives back what went wrong since it was opened. */
  async close(): Promise<{ thrown: unknown } | undefined> {
    await this.#writer.flush();
    await this.#file.close().catch((thrown: unknown) => {
      this.#writer.failure ??= { thrown };
    });
    return this.#writer.failure;
  }

  /** Lets go of the file without writing what is left: the run was not let in. */
  async abandon(): Promise<void> {
    this.#writer.isStopped = true;
    await this.close();
  }

  async #fetch(positions: readonly number[]): Promise<void> {
    this.#upcoming.clear();
    for (const row of await this.#file.rowsAt('outcome', positions)) this.#upcoming.set(row.position, row);
  }

  #read(row: FoundRow, metadata: Record<string, unknown> | undefined): CallOutcome {
    try {
      return fromStoredOutcome(row.value, metadata);
    } catch (cause) {
      throw new RunJournalError(
        this.#file,
        'corrupt',
        `holds a result of task ${row.position} that cannot be read; the file was left as it is.`,
        { cause },
      );
    }
  }

  #checkInside(position: number): void {
    const { length } = this.#head;
    if (length === undefined || position < length) return;
    throw this.#changedLength(position + 1, `it had ${length} tasks and has more now`);
  }

  #changedLength(length: number, what: string): RunChangedError {
    return this.#changed(length, ['length'], what);
  }

  #changed(index: number, differs: readonly RunDifference[], what: string): RunChangedError {
    return new RunChangedError(this.#file.runId, index, differs, what);
  }

  #headRow(): JournalRow {
    return { kind: 'run', position: 0, success: undefined, value: JSON.stringify(this.#head) };
  }

  #addPageTo(rows: JournalRow[]): void {
    const changed = this.#pages.takeChanged();
    if (changed !== undefined) rows.push(changed);
  }
}

interface JournalState {
  readonly head: RunHead;
  readonly account: string | undefined;
  readonly lastPage: number;
  readonly lastRecorded: number;
}
