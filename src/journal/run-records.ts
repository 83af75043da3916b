import { stat } from 'node:fs/promises';
import type { IndexedOutcome } from '../contracts/result.js';
import { fieldOf } from '../errors/foreign.js';
import { RunJournalError } from '../errors/run-errors.js';
import { deleteJournal, JournalFile, lacksValue } from './journal-file.js';
import { journalKeys } from './journal-keys.js';
import { type FoundRow, HEAD_ID, positionOf } from './journal-rows.js';
import { JournalSeal } from './journal-seal.js';
import { fromStoredOutcome } from './outcome-value.js';
import { type RunHead, readRunHead } from './run-head.js';
import { checkRunLocation, journalPath, type RunLocation } from './run-location.js';

/** What the journal of a run says. */
export interface RunRecord {
  /** The run's name. */
  runId: string;
  /** The journal. */
  path: string;
  /** When the run began, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** How many tasks it has; `undefined` until its source has ended. */
  length: number | undefined;
  /** Tasks with a recorded result. */
  succeeded: number;
  /** Tasks with a recorded failure. */
  failed: number;
  /** Recorded outcomes that cannot be verified. They count as neither, and their tasks run again. */
  rejected: number;
  /** Whether every task has a result or a failure on record. */
  isComplete: boolean;
}

const READ_AT_ONCE = 128;
/** Positions that an error names at most. */
const MAX_NAMED = 100;

/**
 * Says how far a run has come; `undefined` when there is no such run. It reads and verifies the whole journal.
 *
 * @throws {@link RunBusyError} while it is running, {@link RunJournalError} when its journal cannot be read,
 * `InvalidArgumentError`.
 */
export async function getRun(location: RunLocation): Promise<RunRecord | undefined> {
  checkRunLocation(location);
  const path = journalPath(location);
  if (!(await exists(path))) return undefined;
  const journal = await openToRead(location);
  if (journal === undefined) return undefined;
  const counts = { succeeded: 0, failed: 0, rejected: 0 };
  try {
    for await (const { outcome } of outcomesOf(journal)) {
      if (outcome === undefined) counts.rejected += 1;
      else counts[outcome.success ? 'succeeded' : 'failed'] += 1;
    }
  } finally {
    await journal.file.close();
  }
  const { runId, createdAt, length } = journal.head;
  return {
    runId,
    path,
    createdAt,
    length,
    ...counts,
    isComplete: counts.succeeded + counts.failed === length,
  };
}

/**
 * Yields the recorded outcomes of a run in the order of its tasks, without their metadata; nothing when there is no
 * such run. The journal is locked while it is read.
 *
 * @throws {@link RunBusyError} while it is running, {@link RunJournalError} when its journal cannot be read, and,
 * after all other outcomes, when some cannot be verified; `InvalidArgumentError`.
 */
export async function* readRun(location: RunLocation): AsyncGenerator<IndexedOutcome, void, undefined> {
  checkRunLocation(location);
  if (!(await exists(journalPath(location)))) return;
  const journal = await openToRead(location);
  if (journal === undefined) return;
  const rejected: number[] = [];
  try {
    for await (const { index, outcome } of outcomesOf(journal)) {
      if (outcome === undefined) rejected.push(index);
      else yield outcome;
    }
  } finally {
    await journal.file.close();
  }
  if (rejected.length > 0) throw unverified(journal.file, rejected);
}

/**
 * Deletes the journal of a run, even a damaged one; returns whether there was one. Do not call it at the moment in
 * which the run is started elsewhere.
 *
 * @throws {@link RunBusyError} while the run is running, `InvalidArgumentError`.
 */
export async function deleteRun(location: RunLocation): Promise<boolean> {
  checkRunLocation(location);
  const path = journalPath(location);
  if (!(await exists(path))) return false;
  try {
    await (await JournalFile.open(location)).close();
  } catch (error) {
    if (fieldOf(error, 'code') !== 'TUTTI_RUN_JOURNAL') throw error;
  }
  await deleteJournal(path);
  return true;
}

interface OpenedJournal {
  readonly file: JournalFile;
  readonly head: RunHead;
  readonly seal: JournalSeal;
}

/** Opens the journal and verifies its head; `undefined` where nothing has been written yet. */
async function openToRead(location: RunLocation): Promise<OpenedJournal | undefined> {
  const keys = await journalKeys(location);
  const file = await JournalFile.open(location);
  try {
    const { head, fault } = await readRunHead(file, keys);
    if (fault !== undefined) throw new RunJournalError(file, 'unverified', CHANGED_HEAD);
    if (head !== undefined) return { file, head, seal: new JournalSeal(keys, head.runId, head.nonce) };
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

const CHANGED_HEAD =
  'has a head that was changed, so nothing in it can be verified; the file was left as it is. The next run of this ' +
  'name moves it aside and begins again.';

interface RecordedOutcome {
  readonly index: number;
  /** `undefined` where the row cannot be verified. */
  readonly outcome: IndexedOutcome | undefined;
}

async function* outcomesOf({
  file,
  head,
  seal,
}: OpenedJournal): AsyncGenerator<RecordedOutcome, void, undefined> {
  const { length = Number.POSITIVE_INFINITY } = head;
  let lastId = HEAD_ID;
  for (;;) {
    const rows = await file.rowsAfter(lastId, READ_AT_ONCE);
    for (const row of rows) {
      const index = positionOf(row.id);
      const whole = lacksValue(row) ? await file.withValue(row) : row;
      yield { index, outcome: index < length ? outcomeOf(whole, seal) : undefined };
    }
    lastId = rows.at(-1)?.id ?? lastId;
    if (rows.length < READ_AT_ONCE) return;
  }
}

function outcomeOf(row: FoundRow, seal: JournalSeal): IndexedOutcome | undefined {
  if (seal.faultOf(row) !== undefined) return undefined;
  try {
    return { ...fromStoredOutcome(row.value as string, undefined), index: positionOf(row.id) };
  } catch {
    return undefined;
  }
}

function unverified(file: JournalFile, rejected: readonly number[]): RunJournalError {
  const named = rejected.slice(0, MAX_NAMED);
  const list = named.join(', ') + (rejected.length > named.length ? ', …' : '');
  return new RunJournalError(
    file,
    'unverified',
    `holds ${rejected.length} outcomes that were changed, of the tasks ${list}; they were left out. They run again when ` +
      'the run is resumed.',
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (fieldOf(error, 'code') === 'ENOENT') return false;
    throw error;
  }
}
