import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/** Which clock ran out: see {@link TimeoutError}. */
export type TimeoutScope = 'attempt' | 'deadline' | 'queue' | 'first-token' | 'idle';

/** Which call an error belongs to, where it is known. */
export interface CallIdentity {
  /** The agent's registered name. */
  agent: string;
  /** The attempt that was running or about to start, from 1; 0 when none had started. */
  attempt: number;
}

/** The call was cancelled by its signal, by `cancel()`, by a sibling's failure or by closing. Never retried. */
export class CancelledError extends TuttiError {
  /** The agent's registered name; empty when a whole run was cancelled. */
  readonly agent: string;
  /** The attempt that was running, from 1; 0 when none had started. */
  readonly attempt: number;

  constructor(call: CallIdentity, why: string, options: Pick<TuttiErrorOptions, 'cause'> = {}) {
    super('TUTTI_CANCELLED', `Cancelled: ${why}.`, { ...options, details: { ...call } });
    this.agent = call.agent;
    this.attempt = call.attempt;
  }
}

const TIMEOUT_TEXT: Record<TimeoutScope, string> = {
  attempt: 'the attempt timed out',
  deadline: 'the call passed its deadline',
  queue: 'no permit became free',
  'first-token': 'the first event of the stream timed out',
  idle: 'the stream went silent and timed out',
};

/**
 * A clock ran out. `scope` says which: `attempt` (one attempt, retryable), `deadline` (the whole call),
 * `queue` (waiting for a permit), `first-token` and `idle` (a stream).
 */
export class TimeoutError extends TuttiError {
  /** Which clock ran out. */
  readonly scope: TimeoutScope;
  /** Length of that clock, in milliseconds. */
  readonly timeoutMs: number;
  /** The agent's registered name. */
  readonly agent: string;
  /** The attempt that was running, from 1; 0 when none had started. */
  readonly attempt: number;

  constructor(scope: TimeoutScope, timeoutMs: number, call: CallIdentity, ...cause: [unknown?]) {
    super('TUTTI_TIMEOUT', `Timeout: ${TIMEOUT_TEXT[scope]} after ${timeoutMs} ms (agent "${call.agent}").`, {
      // A deadline covers all attempts, so there is nothing left to retry in; the queue's limit likewise.
      retryable: scope === 'attempt' || scope === 'first-token',
      details: { scope, timeoutMs, ...call },
      ...(cause.length === 0 ? undefined : { cause: cause[0] }),
    });
    this.scope = scope;
    this.timeoutMs = timeoutMs;
    this.agent = call.agent;
    this.attempt = call.attempt;
  }
}

/** Every allowed attempt failed with an error that could have passed. `errors` holds them in order. */
export class RetriesExhaustedError extends TuttiError {
  /** The error of each attempt, in order; the last one is also the `cause`. */
  readonly errors: readonly TuttiError[];
  /** How many attempts were made. */
  readonly attempts: number;

  constructor(agent: string, errors: readonly TuttiError[]) {
    const last = errors.at(-1);
    super(
      'TUTTI_RETRIES_EXHAUSTED',
      `All ${errors.length} attempts of agent "${agent}" failed; the last: ${last?.message}`,
      {
        cause: last,
        details: { agent, attempts: errors.length, codes: errors.map((error) => error.code) },
      },
    );
    this.errors = errors;
    this.attempts = errors.length;
  }
}

/** What is known about a failure inside an agent. */
export interface AgentErrorOptions {
  /** Whether the failure can pass. */
  retryable: boolean;
  /** What the agent threw. */
  cause: unknown;
  /** HTTP status, where the thrown thing carried one. */
  status?: number | undefined;
  /** How long the far side asked to wait, in milliseconds. */
  retryAfterMs?: number | undefined;
}

/** An agent threw. Its message is kept in ours and the thing itself is the `cause`. */
export class AgentError extends TuttiError {
  /** The agent's registered name. */
  readonly agent: string;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** HTTP status, where the thrown thing carried one. */
  readonly status: number | undefined;
  /** How long the far side asked to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(call: CallIdentity, message: string, options: AgentErrorOptions) {
    const { retryable, cause, status, retryAfterMs } = options;
    super('TUTTI_AGENT_FAILED', message, { retryable, cause, details: { ...call, status, retryAfterMs } });
    this.agent = call.agent;
    this.attempt = call.attempt;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The agent's answer does not have the shape it has to have: not a reply, not JSON, or not its `output` schema. */
export class OutputError extends TuttiError {
  /** The agent's registered name. */
  readonly agent: string;
  /** Where in the answer the first problem is, for instance `items.0.price`; empty for the answer as a whole. */
  readonly path: string;

  constructor(agent: string, path: string, message: string, options: Pick<TuttiErrorOptions, 'cause'> = {}) {
    super('TUTTI_OUTPUT_INVALID', `Agent "${agent}": ${message}`, { ...options, details: { agent, path } });
    this.agent = agent;
    this.path = path;
  }
}

/** A stream's events were asked for after they had been read or dropped. */
export class StreamConsumedError extends TuttiError {
  constructor(agent: string) {
    super(
      'TUTTI_STREAM_CONSUMED',
      `The events of this stream (agent "${agent}") are gone: they are read once, and are dropped when only .result ` +
        'is awaited. Start iterating before awaiting .result, or start another stream.',
      { details: { agent } },
    );
  }
}

/** The iterable that supplied the tasks threw. Nothing is lost: `results` holds what had been run. */
export class TaskSourceError extends TuttiError {
  /** The results of the tasks that had been read, in input order. */
  readonly results: readonly unknown[];

  constructor(results: readonly unknown[], cause: unknown) {
    super(
      'TUTTI_TASK_SOURCE_FAILED',
      `The task source threw after ${results.length} tasks; their results are in .results.`,
      {
        cause,
        details: { tasksRead: results.length },
      },
    );
    this.results = results;
  }
}
