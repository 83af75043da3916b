import { RunJournalError } from '../errors/run-errors.js';
import { sha256Hex } from '../hashing/digest.js';
import type { JournalFile } from './journal-file.js';
import { entryId, type JournalRow, MAX_TASK_ENTRIES, MAX_VALUE_BYTES } from './journal-rows.js';
import type { JournalSeal, RowFault } from './journal-seal.js';
import type { JournalWriter } from './journal-writer.js';
import { fromTagged, toTagged } from './tagged-json.js';

/** What the progress of a task is kept with. */
export interface ProgressKeeping {
  readonly file: JournalFile;
  readonly seal: JournalSeal;
  readonly writer: JournalWriter;
  /** What distinguishes this journal from others of the same run. */
  readonly nonce: string;
  /** Called for the first entry of a task. */
  readonly onBegin: (position: number) => void;
  /** Called for a row that is not believed. */
  readonly onReject: (position: number, reason: RowFault) => void;
}

/** What a task that is not finished has done so far: an entry for each step, in order, each on disk before the next step. */
export class TaskProgress {
  /** Reads the entries of earlier processes, oldest first; absent if there are none. */
  readonly load: (() => Promise<readonly unknown[]>) | undefined;
  readonly #keeping: ProgressKeeping;
  readonly #position: number;
  readonly #fingerprint: string;
  #entries = 0;

  /** @param hasEntries Whether there are entries of earlier processes. */
  constructor(keeping: ProgressKeeping, position: number, fingerprint: string, hasEntries: boolean) {
    this.#keeping = keeping;
    this.#position = position;
    this.#fingerprint = fingerprint;
    this.load = hasEntries ? () => this.#load() : undefined;
  }

  /** Identifies the task: the same whenever the run is resumed, and different in every other run. */
  get id(): string {
    const { file, nonce } = this.#keeping;
    return sha256Hex(JSON.stringify([file.runId, nonce, this.#position])).slice(0, 32);
  }

  /** Records an entry. Resolves when it is on disk; rejects if it cannot be written. */
  readonly record = async (entry: unknown): Promise<void> => {
    const row = this.#toRow(entry);
    const { seal, writer, onBegin } = this.#keeping;
    if (row.id === entryId(this.#position, 0)) onBegin(this.#position);
    await new Promise<void>((resolve, reject) => {
      writer.add(seal.sign(row), () => {
        if (writer.failure !== undefined) reject(writer.failure.thrown);
        else if (writer.isStopped) reject(new Error('The run was stopped before it began.'));
        else resolve();
      });
    });
  };

  #toRow(entry: unknown): JournalRow {
    const value = JSON.stringify(toTagged(entry));
    if (this.#entries >= MAX_TASK_ENTRIES || Buffer.byteLength(value) > MAX_VALUE_BYTES) {
      throw new RunJournalError(this.#keeping.file, 'full', TOO_LARGE);
    }
    const id = entryId(this.#position, this.#entries);
    this.#entries += 1;
    return { id, task: this.#fingerprint, value };
  }

  async #load(): Promise<readonly unknown[]> {
    const { file } = this.#keeping;
    const first = entryId(this.#position, 0);
    const ids = await file.progressIds(first, first + MAX_TASK_ENTRIES);
    const entries: unknown[] = [];
    for (const id of ids) {
      // A gap would be a step that nothing is known of: its tool may have run.
      if (id !== first + entries.length) throw this.#rejected('out-of-range');
      entries.push(await this.#readEntry(id));
    }
    this.#entries = entries.length;
    return entries;
  }

  async #readEntry(id: number): Promise<unknown> {
    const { file, seal } = this.#keeping;
    const row = await file.progressRow(id);
    const fault = row === undefined ? 'out-of-range' : seal.faultOf(row);
    if (row === undefined || fault !== undefined) throw this.#rejected(fault ?? 'out-of-range');
    if (row.task !== this.#fingerprint) throw this.#rejected('other-task');
    return fromTagged(JSON.parse(row.value as string));
  }

  /** Running the task from the beginning could repeat what its tools have done. */
  #rejected(reason: RowFault): RunJournalError {
    this.#keeping.onReject(this.#position, reason);
    return new RunJournalError(
      this.#keeping.file,
      'unverified',
      `holds a changed record of what task ${this.#position} has done, so it cannot be continued, and running it again ` +
        'could repeat what its tools have done. Look up what they did; to begin the run again, delete it with ' +
        'deleteRun() from tutti/runs, or use another runId.',
    );
  }
}

const TOO_LARGE = 'cannot keep what a task has done: a result of its tools is longer than 64 MiB.';
