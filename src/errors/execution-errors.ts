import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/** Which time limit was exceeded: see {@link TimeoutError}. */
export type TimeoutScope = 'attempt' | 'deadline' | 'queue' | 'first-token' | 'idle';

/** The call that an error belongs to. */
export interface CallIdentity {
  /** The agent's registered name. */
  agent: string;
  /** The attempt that was running or about to start, from 1; 0 if none had started. */
  attempt: number;
}

/** The call was cancelled by its signal, by `cancel()`, by the failure of another task or by `close()`. Never retried. */
export class CancelledError extends TuttiError<'TUTTI_CANCELLED'> {
  /** The agent's registered name; empty if a whole run was cancelled. */
  readonly agent: string;
  /** The attempt that was running, from 1; 0 if none had started. */
  readonly attempt: number;

  constructor(call: CallIdentity, why: string, options: Pick<TuttiErrorOptions, 'cause'> = {}) {
    super('TUTTI_CANCELLED', `Cancelled: ${why}.`, { ...options, details: { ...call } });
    this.agent = call.agent;
    this.attempt = call.attempt;
  }
}

const TIMEOUT_TEXT: Record<TimeoutScope, string> = {
  attempt: 'the attempt timed out',
  deadline: 'the call exceeded its deadline',
  queue: 'no permit became free',
  'first-token': 'the first event of the stream timed out',
  idle: 'the stream went silent and timed out',
};

/**
 * A time limit was exceeded. `scope` says which: `attempt` (one attempt, retryable), `deadline` (the whole call),
 * `queue` (waiting for a permit), `first-token` (retryable) and `idle` (a stream).
 */
export class TimeoutError extends TuttiError<'TUTTI_TIMEOUT'> {
  /** Which time limit was exceeded. */
  readonly scope: TimeoutScope;
  /** The time limit, in milliseconds. */
  readonly timeoutMs: number;
  /** The agent's registered name. */
  readonly agent: string;
  /** The attempt that was running, from 1; 0 if none had started. */
  readonly attempt: number;

  constructor(scope: TimeoutScope, timeoutMs: number, call: CallIdentity, ...cause: [unknown?]) {
    super('TUTTI_TIMEOUT', `Timeout: ${TIMEOUT_TEXT[scope]} after ${timeoutMs} ms (agent "${call.agent}").`, {
      // A deadline covers all attempts, so no time is left for a retry. The same goes for the limit of the queue.
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

/** All allowed attempts failed with retryable errors. `errors` holds them in order. */
export class RetriesExhaustedError extends TuttiError<'TUTTI_RETRIES_EXHAUSTED'> {
  /** The error of each attempt, in order; the last one is also the `cause`. */
  readonly errors: readonly TuttiError[];
  /** How many attempts were made. */
  readonly attempts: number;

  constructor(agent: string, errors: readonly TuttiError[]) {
    const last = errors.at(-1);
    super(
      'TUTTI_RETRIES_EXHAUSTED',
      `All ${errors.length} attempts of agent "${agent}" failed. Last error: ${last?.message}`,
      {
        cause: last,
        details: { agent, attempts: errors.length, codes: errors.map((error) => error.code) },
      },
    );
    this.errors = errors;
    this.attempts = errors.length;
  }
}

/** Facts about a failure inside an agent. */
export interface AgentErrorOptions {
  /** Whether the failure is transient. */
  retryable: boolean;
  /** What the agent threw. */
  cause: unknown;
  /** The HTTP status, if the thrown value has one. */
  status?: number | undefined;
  /** How long the remote service asked to wait, in milliseconds. */
  retryAfterMs?: number | undefined;
}

/** An agent threw. The error has the message of the thrown value, which is its `cause`. */
export class AgentError extends TuttiError<'TUTTI_AGENT_FAILED'> {
  /** The agent's registered name. */
  readonly agent: string;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** The HTTP status, if the thrown value has one. */
  readonly status: number | undefined;
  /** How long the remote service asked to wait before the next attempt, in milliseconds. */
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

/** The agent's answer is invalid: not a reply, not JSON, or not a match for its `output` schema. */
export class OutputError extends TuttiError<'TUTTI_OUTPUT_INVALID'> {
  /** The agent's registered name. */
  readonly agent: string;
  /** Path of the first problem in the answer, for instance `items.0.price`; empty for the answer as a whole. */
  readonly path: string;

  constructor(agent: string, path: string, message: string, options: Pick<TuttiErrorOptions, 'cause'> = {}) {
    super('TUTTI_OUTPUT_INVALID', `Agent "${agent}": ${message}`, { ...options, details: { agent, path } });
    this.agent = agent;
    this.path = path;
  }
}

/** The events of a stream were requested after they had been read or discarded. */
export class StreamConsumedError extends TuttiError<'TUTTI_STREAM_CONSUMED'> {
  constructor(agent: string) {
    super(
      'TUTTI_STREAM_CONSUMED',
      `The events of this stream (agent "${agent}") are gone: they can be read once, and are discarded if only ` +
        '.result is awaited. Start iterating before awaiting .result, or start another stream.',
      { details: { agent } },
    );
  }
}

/** The task source threw. The tasks that had been read were run. */
export class TaskSourceError extends TuttiError<'TUTTI_TASK_SOURCE_FAILED'> {
  /** The results of the tasks that had been read, in input order; empty if they were delivered one by one. */
  readonly results: readonly unknown[];
  /** How many tasks had been read. */
  readonly tasksRead: number;

  constructor(results: readonly unknown[], tasksRead: number, cause: unknown) {
    const where = results.length < tasksRead ? 'have been delivered' : 'are in .results';
    super(
      'TUTTI_TASK_SOURCE_FAILED',
      `The task source threw after ${tasksRead} tasks; their results ${where}.`,
      { cause, details: { tasksRead } },
    );
    this.results = results;
    this.tasksRead = tasksRead;
  }
}
