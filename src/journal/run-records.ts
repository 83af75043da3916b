import { rm, stat } from 'node:fs/promises';
import type { IndexedOutcome } from '../contracts/result.js';
import { fieldOf } from '../errors/foreign.js';
import { JournalFile } from './journal-file.js';
import { fromStoredOutcome } from './outcome-value.js';
import { readRunHead } from './run-head.js';
import { checkRunLocation, journalPath, type RunLocation } from './run-location.js';

/** What the journal of a run says. */
export interface RunRecord {
  /** The run's name. */
  runId: string;
  /** The journal. */
  path: string;
  /** When the run began, in milliseconds since the Unix epoch. */
  createdAt: number;
  /** How many tasks it has; `undefined` while its source has not said. */
  length: number | undefined;
  /** Tasks with a recorded result. */
  succeeded: number;
  /** Tasks with a recorded failure. */
  failed: number;
  /** Whether every task has a result or a failure on record. */
  isComplete: boolean;
}

const READ_AT_ONCE = 128;

/**
 * Says how far a run has come; `undefined` when there is no such run.
 *
 * @throws {@link RunBusyError} while it is under way, {@link RunJournalError} when its journal cannot be read,
 * `InvalidArgumentError`.
 */
export async function getRun(location: RunLocation): Promise<RunRecord | undefined> {
  checkRunLocation(location);
  const path = journalPath(location);
  if (!(await exists(path))) return undefined;
  return withJournal(location, async (file) => {
    const head = await readRunHead(file);
    if (head === undefined) return undefined;
    const { succeeded, failed } = await file.countOutcomes();
    const { runId, createdAt, length } = head;
    return { runId, path, createdAt, length, succeeded, failed, isComplete: succeeded + failed === length };
  });
}

/**
 * Gives the recorded outcomes of a run in the order of its tasks, without their metadata; nothing when there is no
 * such run. The journal is held while it is read.
 *
 * @throws {@link RunBusyError} while it is under way, {@link RunJournalError} when its journal cannot be read,
 * `InvalidArgumentError`.
 */
export async function* readRun(location: RunLocation): AsyncGenerator<IndexedOutcome, void, undefined> {
  checkRunLocation(location);
  if (!(await exists(journalPath(location)))) return;
  const file = await JournalFile.open(location);
  try {
    let from = 0;
    for (;;) {
      const rows = await file.rowsFrom('outcome', from, READ_AT_ONCE);
      for (const { position, value } of rows)
        yield { ...fromStoredOutcome(value, undefined), index: position };
      if (rows.length < READ_AT_ONCE) return;
      from = (rows.at(-1)?.position ?? 0) + 1;
    }
  } finally {
    await file.close();
  }
}

/**
 * Deletes the journal of a run, also a damaged one; says whether there was one. Not to be called in the moment in
 * which the run is started elsewhere.
 *
 * @throws {@link RunBusyError} while the run is under way, `InvalidArgumentError`.
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
  for (const companion of ['-wal', '-shm', '']) await rm(path + companion, { force: true });
  return true;
}

async function withJournal<Result>(
  location: RunLocation,
  use: (file: JournalFile) => Promise<Result>,
): Promise<Result> {
  const file = await JournalFile.open(location);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
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
