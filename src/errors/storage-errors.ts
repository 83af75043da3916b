import { TuttiError } from './tutti-error.js';

/** What kind of problem a database has: see {@link DatabaseError}. */
export type DatabaseProblem =
  | 'driver-missing'
  | 'cannot-open'
  | 'corrupt'
  | 'read-only'
  | 'full'
  | 'busy'
  | 'io'
  | 'foreign'
  | 'version'
  | 'closed'
  | 'statement';

/**
 * A SQLite file could not be opened, read or written. `problem` says why; only `busy` is transient.
 */
export class DatabaseError extends TuttiError<'TUTTI_DATABASE'> {
  /** What kind of problem it is. */
  readonly problem: DatabaseProblem;
  /** The database file. */
  readonly path: string;

  constructor(
    problem: DatabaseProblem,
    path: string,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super('TUTTI_DATABASE', message, {
      ...options,
      retryable: problem === 'busy',
      details: { problem, path, ...options.details },
    });
    this.problem = problem;
    this.path = path;
  }
}

/** The operation of a cache tier that failed. */
export type CacheOperation =
  | 'get'
  | 'set'
  | 'touch'
  | 'delete'
  | 'read'
  | 'flush'
  | 'open'
  | 'close'
  | 'secret';

/**
 * A cache tier could not be reached, read or written. Calls never fail with it: the cache reports it and continues
 * without that tier.
 */
export class CacheStoreError extends TuttiError<'TUTTI_CACHE_STORE'> {
  /** The tier, for instance `disk`. */
  readonly tier: string;
  /** The operation that failed. */
  readonly operation: CacheOperation;

  constructor(
    tier: string,
    operation: CacheOperation,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    const details = { tier, operation, ...options.details };
    super('TUTTI_CACHE_STORE', message, { ...options, retryable: true, details });
    this.tier = tier;
    this.operation = operation;
  }
}
