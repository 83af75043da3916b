import { DatabaseError, type DatabaseProblem } from '../errors/storage-errors.js';

// SQLite's primary result codes, and the names that sqlite3 gives them.
const PROBLEMS: Readonly<Record<number, DatabaseProblem>> = {
  3: 'read-only',
  5: 'busy',
  6: 'busy',
  8: 'read-only',
  10: 'io',
  11: 'corrupt',
  13: 'full',
  14: 'cannot-open',
  26: 'corrupt',
};

const CURES: Readonly<Record<DatabaseProblem, string>> = {
  'driver-missing': 'Install a driver.',
  'cannot-open': 'Check that the folder exists and may be written to, and that the path names a file.',
  corrupt: 'Move the file aside and start with a new one.',
  'read-only': 'Check the permissions of the file and of its folder, and how the disk is mounted.',
  full: 'Free some space on the disk.',
  busy: 'Another process holds it; try again.',
  io: 'Check the disk, and whether the file was removed or changed while it was open.',
  foreign: 'Choose another folder.',
  version: 'Move the file aside, or use the version of the library that wrote it.',
  closed: 'Open it again.',
  statement: 'The statement is probably wrong.',
};

/** Whether the driver was refused because another connection holds the file. */
export function isBusy(error: unknown): boolean {
  return problemOf(error) === 'busy';
}

/** A driver's error as ours, with the original as its cause. */
export function toDatabaseError(cause: unknown, path: string): DatabaseError {
  const problem = problemOf(cause);
  const message = typeof cause === 'object' && cause !== null && 'message' in cause ? cause.message : cause;
  return new DatabaseError(problem, path, `SQLite file ${path}: ${String(message)}. ${CURES[problem]}`, {
    cause,
  });
}

/** Recognised by number, not by class: sqlite3 says `errno`, node:sqlite says `errcode`. */
function problemOf(error: unknown): DatabaseProblem {
  if (typeof error !== 'object' || error === null) return 'statement';
  const { errno, errcode } = error as { errno?: unknown; errcode?: unknown };
  const code = typeof errcode === 'number' ? errcode : errno;
  // The low byte is the primary code, the rest says where it happened. Errors of the file system are negative.
  return typeof code === 'number' && code > 0 ? (PROBLEMS[code & 0xff] ?? 'statement') : 'io';
}
