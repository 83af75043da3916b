import { randomBytes } from 'node:crypto';
import { RunJournalError } from '../errors/run-errors.js';
import type { KeyRing } from '../signing/key-ring.js';
import type { JournalFile } from './journal-file.js';
import { HEAD_ID } from './journal-rows.js';
import { JournalSeal, type RowFault } from './journal-seal.js';

/** What a journal says of its run as a whole. */
export interface RunHead {
  readonly runId: string;
  /** When it began, in milliseconds since the Unix epoch. */
  readonly createdAt: number;
  /** What distinguishes this journal from others of the same run. */
  readonly nonce: string;
  /** How many tasks it has, where that is known. */
  readonly length?: number | undefined;
  /** What it has spent, where it has a budget. */
  readonly account?: unknown;
}

const NONCE_BYTES = 12;

/** The head of a run that begins. */
export function newRunHead(runId: string, createdAt: number): RunHead {
  return { runId, createdAt, nonce: randomBytes(NONCE_BYTES).toString('hex') };
}

/** What signs the heads of a run. */
export function headSeal(keys: KeyRing, runId: string): JournalSeal {
  return new JournalSeal(keys, runId, '');
}

/** What was found where a journal's head should be: the head, nothing in a new journal, or what is wrong with it. */
export type FoundHead =
  | { readonly head: RunHead | undefined; readonly fault?: undefined }
  | { readonly head?: undefined; readonly fault: RowFault };

/**
 * Reads what a journal says of its run. Without its head no other row can be verified.
 *
 * @throws {@link RunJournalError} when the whole journal was signed with another secret.
 */
export async function readRunHead(file: JournalFile, keys: KeyRing): Promise<FoundHead> {
  const row = await file.rowOf(HEAD_ID);
  if (row === undefined) {
    const { first, last } = await file.idRange();
    return first === HEAD_ID && last === HEAD_ID ? { head: undefined } : { fault: 'malformed' };
  }
  const fault = headSeal(keys, file.runId).faultOf(row);
  if (fault === undefined) return { head: JSON.parse(row.value as string) as RunHead };
  // A key that no row knows is more likely a secret that was lost than a row that was changed.
  if (fault === 'unknown-key' && !(await file.hasRowOf(keys.keyIds))) throw otherSecret(file);
  return { fault };
}

function otherSecret(file: JournalFile): RunJournalError {
  return new RunJournalError(
    file,
    'secret',
    'was signed with another secret, so nothing in it can be verified; the file was left as it is. Give the run the ' +
      'secret it began with (the option secret, TUTTI_CACHE_SECRET, or the key file of its user), or begin it again: ' +
      'with deleteRun() from tutti/runs, or under another runId.',
  );
}
