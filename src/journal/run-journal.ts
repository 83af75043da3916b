import type { CallOutcome } from '../contracts/result.js';
import { RunChangedError, type RunDifference, RunJournalError } from '../errors/run-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import type { KeyRing } from '../signing/key-ring.js';
import { JournalFile, lacksValue } from './journal-file.js';
import { journalKeys } from './journal-keys.js';
import { type FoundRow, HEAD_ID, outcomeId, pageId, positionOf, type SignedRow } from './journal-rows.js';
import { JournalSeal, type RowFault } from './journal-seal.js';
import { JournalWriter } from './journal-writer.js';
import { fromStoredOutcome, toStoredOutcome } from './outcome-value.js';
import { headSeal, newRunHead, type RunHead, readRunHead } from './run-head.js';
import type { RunLocation } from './run-location.js';
import { PAGE_TASKS, pageOf, TaskPages } from './task-pages.js';
import { type ProgressKeeping, TaskProgress } from './task-progress.js';

/** A row of a journal that was not believed, because it is not what this run wrote in its place. */
export interface RejectedRow {
  /** What the row was about. */
  readonly kind: 'head' | 'page' | 'outcome' | 'progress';
  /**
   * Of an outcome: the position of its task, which runs again; of progress: of its task, which fails. Of a page: the
   * position of its first task.
   */
  readonly index: number | undefined;
  readonly reason: RowFault;
  /** Of a head: what the journal was renamed to; the run begins again with a new one. */
  readonly movedTo?: string | undefined;
}

/** How a journal is opened. */
export interface OpenJournalOptions extends RunLocation {
  /** Whether a task that failed is run again instead of its failure being returned. */
  readonly retryFailed: boolean;
  /** Whether the run has a budget, so that it cannot go on without knowing what was spent. */
  readonly needsAccount: boolean;
  /** Now, in milliseconds since the Unix epoch. */
  readonly epochMs: number;
  /** Called for each row that is not believed. */
  readonly onReject: (row: RejectedRow) => void;
  /** Called when something is wrong that does not keep the journal from being used. */
  readonly onProblem: (error: TuttiError) => void;
}

/**
 * What a run has done so far, on disk, and where the rest is recorded. It belongs to one run at a time. Outcomes are
 * read in batches as their tasks come up and written in groups, so that it never holds many of them. Every row is
 * verified before anything in it is used.
 */
export class RunJournal {
  readonly #file: JournalFile;
  readonly #retryFailed: boolean;
  readonly #onReject: (row: RejectedRow) => void;
  readonly #headSeal: JournalSeal;
  readonly #seal: JournalSeal;
  readonly #pages = new TaskPages((page) => this.#readPage(page));
  readonly #writer: JournalWriter;
  readonly #progress: ProgressKeeping;
  /** Tasks whose progress is on record. */
  #begun = new Set<number>();
  /** Finished tasks whose progress is no longer of use. */
  #finished: number[] = [];
  #head: RunHead;
  #isHeadChanged: boolean;
  /** Position of the last outcome that was on record when the journal was opened; -1 for none. */
  #lastRecorded = -1;
  /** Smallest id of a page that was stored then. */
  #firstPageId = HEAD_ID;
  /** Recorded outcomes whose tasks come up next. */
  #upcoming = new Map<number, FoundRow>();
  /** Outcomes that are not on disk yet. */
  unwritten = 0;

  private constructor(file: JournalFile, found: OpenedHead, options: OpenJournalOptions) {
    const { keys, head, isNew } = found;
    this.#file = file;
    this.#retryFailed = options.retryFailed;
    this.#onReject = options.onReject;
    this.#head = head;
    this.#isHeadChanged = isNew;
    this.#headSeal = headSeal(keys, head.runId);
    this.#seal = new JournalSeal(keys, head.runId, head.nonce);
    this.#writer = new JournalWriter(
      (rows) => file.write(rows),
      (rows) => this.#addChangedTo(rows),
    );
    this.#progress = {
      file,
      seal: new JournalSeal(keys, head.runId, `${head.nonce} progress`),
      writer: new JournalWriter((rows) => file.writeProgress(rows)),
      nonce: head.nonce,
      onBegin: (position) => this.#begun.add(position),
      onReject: (index, reason) => this.#onReject({ kind: 'progress', index, reason }),
    };
  }

  /**
   * Opens the journal of a run, or begins one.
   *
   * @throws {@link RunBusyError} while another run holds it, {@link RunJournalError} when it cannot be used.
   */
  static async open(options: OpenJournalOptions): Promise<RunJournal> {
    const keys = await journalKeys(options, options.onProblem);
    let file = await JournalFile.open(options);
    try {
      const found = await readRunHead(file, keys);
      if (found.fault !== undefined) file = await beginAgain(file, found.fault, options);
      const head = found.head ?? newRunHead(options.runId, options.epochMs);
      const journal = new RunJournal(file, { keys, head, isNew: found.head === undefined }, options);
      await journal.#findRange();
      journal.#begun = new Set(await file.progressPositions());
      return journal;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What was last kept with {@link RunJournal.keepAccount}; `undefined` in a run that kept nothing. */
  get account(): unknown {
    return this.#head.account;
  }

  /**
   * Keeps what the run has spent, or whatever else has to be known when it is resumed. It is on disk before the
   * outcomes that are recorded in the same turn of the event loop, or with them.
   *
   * @param account Anything that JSON can say.
   */
  keepAccount(account: unknown): void {
    this.#changeHead({ ...this.#head, account });
  }

  /** @throws what went wrong with the journal since it was opened. */
  check(): void {
    if (this.failure !== undefined) throw this.failure.thrown;
  }

  /**
   * Records how many tasks there are.
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
    this.#changeHead({ ...this.#head, length });
  }

  /** Prepares {@link RunJournal.checkTask} at the position; a promise where that means reading. */
  turnTo(position: number): Promise<void> | undefined {
    if (this.#pages.isOpenAt(position)) return undefined;
    const changed = this.#pages.takeChanged();
    if (changed !== undefined) this.#writer.add(this.#seal.sign(changed));
    return this.#pages.openAt(position);
  }

  /**
   * Compares a task with what the run has on record at its position, or records it where there is nothing yet.
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
   * Checks that a task that is rejected now had not been accepted before.
   *
   * @throws {@link RunChangedError} when it had been.
   */
  checkRefused(position: number, refusal: TuttiError): void {
    this.#checkInside(position);
    if (!this.#pages.has(position)) return;
    const what = `task ${position} was accepted then and is rejected now: ${refusal.message}`;
    throw new RunChangedError(this.#file.runId, position, ['admission'], what, { cause: refusal });
  }

  /** Prepares {@link RunJournal.recall} at these positions; a promise where that means reading. */
  fetch(positions: readonly number[]): Promise<void> | undefined {
    const wanted = positions.filter((position) => position <= this.#lastRecorded);
    return wanted.length === 0 ? undefined : this.#fetch(wanted);
  }

  /** Does the same as {@link RunJournal.fetch} for all tasks on the page of the position. */
  fetchPage(position: number): Promise<void> | undefined {
    const first = position - (position % PAGE_TASKS);
    return this.fetch(Array.from({ length: PAGE_TASKS }, (_none, offset) => first + offset));
  }

  /** The recorded outcome of a task, once; `undefined` when it has to be run. */
  recall(
    position: number,
    fingerprint: string,
    metadata: Record<string, unknown> | undefined,
  ): CallOutcome | undefined {
    const row = this.#upcoming.get(position);
    if (row === undefined) return undefined;
    this.#upcoming.delete(position);
    if (row.task !== fingerprint) return this.#rejectOutcome(position, 'other-task');
    try {
      const outcome = fromStoredOutcome(row.value as string, metadata);
      return outcome.success || !this.#retryFailed ? outcome : undefined;
    } catch {
      return this.#rejectOutcome(position, 'malformed');
    }
  }

  /**
   * Records the outcome of a task; `whenWritten` is called when it is on disk.
   *
   * @returns `false` where it cannot be stored: it holds values that cannot be written as JSON, or is too large.
   */
  record(position: number, fingerprint: string, outcome: CallOutcome, whenWritten: () => void): boolean {
    const value = toStoredOutcome(outcome);
    if (value === undefined) return false;
    this.unwritten += 1;
    this.#writer.add(this.#seal.sign({ id: outcomeId(position), task: fingerprint, value }), () => {
      this.unwritten -= 1;
      if (outcome.success) this.#forget(position);
      whenWritten();
    });
    return true;
  }

  /** What a task does until it has its outcome. */
  progressOf(position: number, fingerprint: string): TaskProgress {
    return new TaskProgress(this.#progress, position, fingerprint, this.#begun.has(position));
  }

  /** Resolves when everything recorded so far is on disk. Rejects with what went wrong. */
  async flush(): Promise<void> {
    await this.#writer.flush();
    this.check();
  }

  /** Writes what is left, and closes the file. Returns what went wrong since it was opened. */
  async close(): Promise<{ thrown: unknown } | undefined> {
    await this.#writer.flush();
    await this.#progress.writer.flush();
    this.#forgetAll();
    await this.#file.close().catch((thrown: unknown) => {
      this.#writer.failure ??= { thrown };
    });
    return this.failure;
  }

  /** What went wrong since it was opened. */
  get failure(): { thrown: unknown } | undefined {
    return this.#writer.failure ?? this.#progress.writer.failure;
  }

  /** Closes the file without writing what is left: the run was not accepted. */
  async abandon(): Promise<void> {
    this.#writer.isStopped = true;
    this.#progress.writer.isStopped = true;
    await this.close();
  }

  /** Progress is of no use once there is a result; a failed task that is run again goes on from it. */
  #forget(position: number): void {
    if (!this.#begun.delete(position)) return;
    this.#finished.push(position);
    if (this.#finished.length >= PAGE_TASKS) this.#forgetAll();
  }

  #forgetAll(): void {
    const finished = this.#finished;
    this.#finished = [];
    // Rows that are left over do no harm: their tasks have results.
    if (finished.length > 0) this.#file.removeProgress(finished).catch(() => {});
  }

  /** Finds out which rows there are; removes those that cannot be this run's. */
  async #findRange(): Promise<void> {
    const { length } = this.#head;
    if (length === undefined) await this.#removeOutside(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    else await this.#removeOutside(pageId(pageOf(length - 1)), outcomeId(length - 1));
    let { first, last } = await this.#file.idRange();
    // How many tasks there were at least follows from the last outcome, so it has to be a real one.
    while (length === undefined && last > HEAD_ID && !(await this.#isIntact(last))) {
      await this.#file.removeOutside(first, last - 1);
      ({ first, last } = await this.#file.idRange());
    }
    this.#firstPageId = first;
    this.#lastRecorded = positionOf(last);
  }

  async #removeOutside(first: number, last: number): Promise<void> {
    for (;;) {
      const removed = await this.#file.removeOutside(first, last);
      if (removed.length === 0) return;
      for (const id of removed) this.#reject(id, 'out-of-range');
    }
  }

  async #isIntact(outcomeRowId: number): Promise<boolean> {
    const row = await this.#file.rowOf(outcomeRowId);
    const fault = row === undefined ? undefined : this.#seal.faultOf(row);
    if (fault !== undefined) this.#reject(outcomeRowId, fault);
    return fault === undefined;
  }

  async #fetch(positions: readonly number[]): Promise<void> {
    this.#upcoming.clear();
    for (const row of await this.#file.rowsOf(positions.map(outcomeId))) {
      // Long values one at a time: only what has been verified stays in memory.
      if (lacksValue(row)) this.#prepare(await this.#file.withValue(row));
      else this.#prepare(row);
    }
  }

  #prepare(row: FoundRow): void {
    const fault = this.#seal.faultOf(row);
    if (fault === undefined) this.#upcoming.set(positionOf(row.id), row);
    else this.#reject(row.id, fault);
  }

  /** A page as it was written; without it the outcomes still say which tasks they belong to. */
  async #readPage(page: number): Promise<string | undefined> {
    const id = pageId(page);
    if (id < this.#firstPageId) return undefined;
    const row = await this.#file.rowOf(id);
    if (row === undefined) return undefined;
    const fault = this.#seal.faultOf(row);
    if (fault === undefined) return row.value as string;
    this.#reject(id, fault);
    return undefined;
  }

  #rejectOutcome(position: number, reason: RowFault): undefined {
    this.#reject(outcomeId(position), reason);
  }

  #reject(id: number, reason: RowFault): void {
    if (id > HEAD_ID) this.#onReject({ kind: 'outcome', index: positionOf(id), reason });
    else this.#onReject({ kind: 'page', index: (-1 - id) * PAGE_TASKS, reason });
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

  #changeHead(head: RunHead): void {
    this.#head = head;
    this.#isHeadChanged = true;
    this.#writer.wake();
  }

  #addChangedTo(rows: SignedRow[]): void {
    const page = this.#pages.takeChanged();
    if (page !== undefined) rows.push(this.#seal.sign(page));
    if (!this.#isHeadChanged) return;
    this.#isHeadChanged = false;
    // First, since a large group is several statements: what was spent has to be known before what it was spent on.
    rows.unshift(this.#headSeal.sign({ id: HEAD_ID, task: '', value: JSON.stringify(this.#head) }));
  }
}

interface OpenedHead {
  readonly keys: KeyRing;
  readonly head: RunHead;
  readonly isNew: boolean;
}

/** Renames a journal whose head cannot be verified, so that no row of it can be, and creates a new one. */
async function beginAgain(
  file: JournalFile,
  reason: RowFault,
  options: OpenJournalOptions,
): Promise<JournalFile> {
  if (options.needsAccount) {
    throw new RunJournalError(
      file,
      'unverified',
      'does not say what its run has spent, since its head was changed; the file was left as it is. To begin the run ' +
        'again with its whole budget, delete the journal with deleteRun() from tutti/runs, or use another runId.',
    );
  }
  const movedTo = await file.moveAside(options.epochMs);
  const next = await JournalFile.open(options);
  options.onReject({ kind: 'head', index: undefined, reason, movedTo });
  return next;
}
