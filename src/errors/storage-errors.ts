import { TuttiError } from './tutti-error.js';

/** What kind of trouble a database is in: see `DatabaseError`. */
export type DatabaseProblem =
  | 'driver-missing'
  | 'cannot-open'
  | 'corrupt'
  | 'read-only'
  | 'full'
  | 'busy'
  | 'io'
  | 'closed'
  | 'statement';

/**
 * A SQLite file could not be opened, read or written. `problem` says in what way; `busy` is the only kind that
 * passes by itself.
 */
export class DatabaseError extends TuttiError {
  /** What kind of trouble it is. */
  readonly problem: DatabaseProblem;
  /** The database file. */
  readonly path: string;

  constructor(problem: DatabaseProblem, path: string, message: string, options: { cause?: unknown } = {}) {
    super('TUTTI_DATABASE', message, {
      ...options,
      retryable: problem === 'busy',
      details: { problem, path },
    });
    this.problem = problem;
    this.path = path;
  }
}

/** What a cache tier could not do. */
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
 * A place where cache entries are kept could not be reached, read or written. Never thrown out of a call: the
 * cache reports it and goes on without that tier.
 */
export class CacheStoreError extends TuttiError {
  /** The tier, for instance `disk`. */
  readonly tier: string;
  /** What it could not do. */
  readonly operation: CacheOperation;

  constructor(tier: string, operation: CacheOperation, message: string, options: { cause?: unknown } = {}) {
    super('TUTTI_CACHE_STORE', message, { ...options, retryable: true, details: { tier, operation } });
    this.tier = tier;
    this.operation = operation;
  }
}
