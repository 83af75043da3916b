import type { TuttiError } from '../errors/tutti-error.js';
import type { Call } from './call.js';

/**
 * Why a call has failed; `details.endedBecause` of its error:
 *
 * - `attempts-used`: every allowed attempt failed with a transient error
 * - `lane-down`: its lane answered nothing for longer than the call's own retries would have lasted
 * - `deadline`: its deadline, or its limit on waiting, left no time
 * - `wait-too-long`: the wait is longer than `retry.maxWaitMs`, or than its deadline leaves
 * - `not-retryable`: the error is permanent
 * - `stream-started`: part of its stream was delivered, which cannot be taken back
 * - `breaker-open`: its lane's breaker is open
 * - `budget`: a budget has no room for it
 * - `cancelled`: it was cancelled, or the orchestrator was closed
 */
export type EndedBecause =
  | 'attempts-used'
  | 'lane-down'
  | 'deadline'
  | 'wait-too-long'
  | 'not-retryable'
  | 'stream-started'
  | 'breaker-open'
  | 'budget'
  | 'cancelled';

const BY_CODE: Readonly<Record<string, EndedBecause>> = {
  TUTTI_RETRIES_EXHAUSTED: 'attempts-used',
  TUTTI_LANE_DOWN: 'lane-down',
  TUTTI_CIRCUIT_OPEN: 'breaker-open',
  TUTTI_BUDGET_EXCEEDED: 'budget',
  TUTTI_CANCELLED: 'cancelled',
  TUTTI_CLOSED: 'cancelled',
};

/** Says in an error why its call ended with it, where the error itself does not; returns the error. */
export function explainEnd(error: TuttiError, because: EndedBecause, sentence: string): TuttiError {
  if (error.details.endedBecause !== undefined || !Object.isExtensible(error.details)) return error;
  Object.assign(error.details, { endedBecause: because });
  error.message = `${error.message.replace(/[.\s]*$/, '')}. ${sentence}`;
  return error;
}

/** Notes in the error with which a call ends why it does. */
export function noteEnd(call: Call, error: TuttiError): void {
  if (error.details.endedBecause !== undefined || !Object.isExtensible(error.details)) return;
  const because = reasonOf(call, error);
  // An error of its only attempt says nothing of attempts by itself.
  const isSilent = because === 'attempts-used' && error.code !== 'TUTTI_RETRIES_EXHAUSTED';
  if (isSilent) explainEnd(error, because, `${attemptsMade(call.attempts)}, and maxRetries allows no more.`);
  else Object.assign(error.details, { endedBecause: because });
}

/** The number of attempts in words. */
export function attemptsMade(attempts: number): string {
  return attempts === 1 ? '1 attempt was made' : `${attempts} attempts were made`;
}

function reasonOf(call: Call, { code, details, retryable }: TuttiError): EndedBecause {
  const byCode = BY_CODE[code];
  if (byCode !== undefined) return byCode;
  const { scope } = details;
  if (code === 'TUTTI_TIMEOUT' && (scope === 'deadline' || scope === 'queue')) return 'deadline';
  if (code === 'TUTTI_RATE_LIMITED') return retryable ? 'wait-too-long' : 'not-retryable';
  // What could be tried again and was not had no attempt left.
  return retryable && call.attempts > 0 ? 'attempts-used' : 'not-retryable';
}
