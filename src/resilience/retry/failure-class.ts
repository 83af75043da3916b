import { fieldOf } from '../../errors/foreign.js';

/**
 * What kind of failure ended an attempt or a call:
 *
 * - `rate-limited` (429, or refused by our own limiter), `overloaded` (529, 503, a full queue), `server` (other 5xx),
 *   `network`, `timeout` (of an attempt, or 408 and 504), `circuit-open`: transient, or specific to one provider
 * - `auth` (401, 403), `request` (other 4xx, bad arguments), `refused` (by the model), `output` (does not match the
 *   schema)
 * - `budget`, `deadline`, `cancelled`: the call itself has ended
 * - `other`: anything else, bugs included
 */
export type FailureClass =
  | 'rate-limited'
  | 'overloaded'
  | 'server'
  | 'network'
  | 'timeout'
  | 'circuit-open'
  | 'auth'
  | 'request'
  | 'refused'
  | 'output'
  | 'budget'
  | 'deadline'
  | 'cancelled'
  | 'other';

const BY_CODE: Readonly<Record<string, FailureClass>> = {
  TUTTI_CANCELLED: 'cancelled',
  TUTTI_CLOSED: 'cancelled',
  TUTTI_RATE_LIMITED: 'rate-limited',
  TUTTI_LANE_DOWN: 'network',
  TUTTI_CIRCUIT_OPEN: 'circuit-open',
  TUTTI_BUDGET_EXCEEDED: 'budget',
  TUTTI_QUEUE_FULL: 'overloaded',
  TUTTI_POOL: 'overloaded',
  TUTTI_OUTPUT_INVALID: 'output',
  TUTTI_INVALID_ARGUMENT: 'request',
  TUTTI_UNKNOWN_AGENT: 'request',
  // A provider knows what its answers mean: the class of its error decides, whatever the status.
  TUTTI_PROVIDER_RATE_LIMITED: 'rate-limited',
  TUTTI_PROVIDER_NETWORK: 'network',
  TUTTI_PROVIDER_TIMEOUT: 'timeout',
  TUTTI_PROVIDER_AUTH: 'auth',
  TUTTI_PROVIDER_REQUEST: 'request',
  TUTTI_PROVIDER_REFUSAL: 'refused',
};

const BY_STATUS: ReadonlyMap<number, FailureClass> = new Map([
  [401, 'auth'],
  [403, 'auth'],
  [408, 'timeout'],
  [429, 'rate-limited'],
  [503, 'overloaded'],
  [504, 'timeout'],
  [529, 'overloaded'],
]);

/** Failures that may concern all requests of a lane and not one alone. */
const TROUBLES: ReadonlySet<FailureClass> = new Set([
  'rate-limited',
  'overloaded',
  'server',
  'network',
  'timeout',
]);

/** Failures of a service that does not work: they count for its breaker. */
const BREAKDOWNS: ReadonlySet<FailureClass> = new Set(['overloaded', 'server', 'network', 'timeout']);

/** Classifies an error by its `code`, `scope`, `status` and `retryable`, never by its class. */
export function failureClassOf(error: unknown): FailureClass {
  const code = fieldOf(error, 'code');
  if (code === 'TUTTI_RETRIES_EXHAUSTED') return failureClassOf(fieldOf(error, 'cause'));
  if (code === 'TUTTI_TIMEOUT') return fieldOf(error, 'scope') === 'deadline' ? 'deadline' : 'timeout';
  const byCode = typeof code === 'string' ? BY_CODE[code] : undefined;
  if (byCode !== undefined) return byCode;
  if (typeof code === 'string' && code.includes('REFUS')) return 'refused';
  const status = fieldOf(error, 'status') ?? fieldOf(error, 'statusCode');
  // An overload reported inside an answer of status 200 has no status of its own.
  if (code === 'TUTTI_PROVIDER_OVERLOADED' && !isErrorStatus(status)) return 'overloaded';
  return classOfStatus(status, fieldOf(error, 'retryable'));
}

function isErrorStatus(status: unknown): boolean {
  return typeof status === 'number' && status >= 400;
}

/** Whether the failure may concern all requests of a lane and not one alone. */
export function isTrouble(failure: FailureClass): boolean {
  return TROUBLES.has(failure);
}

/** Whether the failure counts for the lane's breaker. */
export function isBreakdown(failure: FailureClass): boolean {
  return BREAKDOWNS.has(failure);
}

function classOfStatus(status: unknown, retryable: unknown): FailureClass {
  // A transient error without a status never got a response.
  if (typeof status !== 'number') return retryable === true ? 'network' : 'other';
  const known = BY_STATUS.get(status);
  if (known !== undefined) return known;
  if (status >= 500) return 'server';
  return status >= 400 ? 'request' : 'other';
}
