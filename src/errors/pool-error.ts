import { TuttiError } from './tutti-error.js';

/** Why a pool could not give a resource. */
export type PoolProblem = 'wait-timeout' | 'create-timeout' | 'queue-full';

/**
 * A pool could not give a resource: none became free in time (`wait-timeout`), creating one took too long
 * (`create-timeout`), or too many callers wait already (`queue-full`).
 */
export class PoolError extends TuttiError<'TUTTI_POOL'> {
  /** The name of the pool. */
  readonly pool: string;
  /** What went wrong. */
  readonly problem: PoolProblem;

  constructor(pool: string, problem: PoolProblem, message: string) {
    super('TUTTI_POOL', `Pool "${pool}": ${message}`, { retryable: true, details: { pool, problem } });
    this.pool = pool;
    this.problem = problem;
  }
}
