import { FINGERPRINT_BYTES } from './fingerprint.js';

/*
 * All rows of a journal are in one table, so that what happened together is one statement: all of it is on disk, or
 * nothing. The row's id says what it is about. A number is the one key that SQLite compares without reading the row.
 */

/** The row that describes the run as a whole. */
export const HEAD_ID = 0;

/** The row of the outcome of the task at this position. */
export function outcomeId(position: number): number {
  return position + 1;
}

/** The position whose outcome a row holds. */
export function positionOf(outcomeRowId: number): number {
  return outcomeRowId - 1;
}

/** The row of a page of fingerprints. */
export function pageId(page: number): number {
  return -1 - page;
}

/** The most entries of the progress of one task. */
export const MAX_TASK_ENTRIES = 2 ** 20;

/** The row of an entry of a task's progress, in the table of progress. */
export function entryId(position: number, entry: number): number {
  return position * MAX_TASK_ENTRIES + entry;
}

/** A row before it is signed. */
export interface JournalRow {
  readonly id: number;
  /** Of an outcome: the fingerprint of its task, in hex; else empty. */
  readonly task: string;
  readonly value: string;
}

/** A row as it is stored. */
export interface SignedRow extends JournalRow {
  /** Which secret signed it. */
  readonly keyId: string;
  readonly signature: string;
}

/** A row as it was found: anything may be in it. A column that is too long to be one of ours is `null`. */
export interface FoundRow {
  readonly id: number;
  readonly task: unknown;
  readonly value: unknown;
  readonly keyId: unknown;
  readonly signature: unknown;
  /** Size of `value`, in bytes. */
  readonly valueBytes: number;
}

/** The longest value of a row, in bytes: what is longer is neither written nor read. */
export const MAX_VALUE_BYTES = 64 * 1024 * 1024;
/** The longest of each other column, in bytes. */
export const MAX_COLUMN_BYTES = { task: 2 * FINGERPRINT_BYTES, keyId: 12, signature: 64 } as const;
