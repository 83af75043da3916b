import { RunJournalError } from '../errors/run-errors.js';
import type { JournalFile } from './journal-file.js';

/** What a journal says of its run as a whole. */
export interface RunHead {
  readonly runId: string;
  /** When it began, in milliseconds since the Unix epoch. */
  readonly createdAt: number;
  /** How many tasks it has, where that is known. */
  readonly length?: number | undefined;
}

/**
 * Reads what a journal says of its run; `undefined` in a new one.
 *
 * @throws {@link RunJournalError} when it is another run's, or cannot be read.
 */
export async function readRunHead(file: JournalFile): Promise<RunHead | undefined> {
  const text = await file.textOf('run');
  if (text === undefined) return undefined;
  let head: RunHead | undefined;
  try {
    head = JSON.parse(text) as RunHead;
  } catch {}
  if (head?.runId === file.runId) return head;
  throw new RunJournalError(file, 'format', 'is not the journal of this run; the file was left as it is.');
}
