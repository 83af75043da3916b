import pRetry from 'p-retry';
import { asError } from '../../errors/foreign.js';

/** Decides whether there is another attempt, and when. */
export interface RetryRules {
  /** Attempts after the first one. */
  readonly maxRetries: number;
  isRetryable(error: Error): boolean;
  /** Waits before the next attempt; `failed` is the number of the failed attempt, from 1. Rejects to stop retrying. */
  backOff(error: Error, failed: number): Promise<void>;
  /** The error to reject with when the last allowed attempt has failed; `errors` has one per attempt. */
  exhausted(errors: readonly Error[]): Error;
}

/** Wraps the failure of an attempt, because p-retry decides on some errors by their class, without `shouldRetry`. */
class AttemptFailure extends Error {
  readonly failure: Error;

  constructor(failure: Error) {
    super('attempt failed');
    this.failure = failure;
  }
}

const always = (): boolean => true;

/**
 * Makes the attempts after the first, which failed with `firstFailure`. p-retry drives them; the first attempt does
 * without it because it costs more than everything else in a call, and most calls never fail.
 *
 * Resolves with the first success. Rejects with a permanent failure as it is, or with `rules.exhausted(errors)` when
 * all attempts are used up.
 */
export async function retryAfterFailure<T>(
  attempt: () => Promise<T>,
  firstFailure: Error,
  rules: RetryRules,
): Promise<T> {
  const errors = [firstFailure];
  if (!rules.isRetryable(firstFailure)) throw firstFailure;
  if (rules.maxRetries === 0) throw firstFailure;
  await rules.backOff(firstFailure, 1);
  try {
    return await pRetry(() => attempt().catch(wrapFailure), {
      // The first of p-retry's attempts is already a retry.
      retries: rules.maxRetries - 1,
      // shouldRetry does the waiting, for Retry-After, jitter, cancellation and the injected clock.
      minTimeout: 0,
      maxTimeout: 0,
      factor: 1,
      randomize: false,
      maxRetryTime: Number.POSITIVE_INFINITY,
      onFailedAttempt: ({ error }) => {
        errors.push(failureOf(error));
      },
      shouldConsumeRetry: always,
      shouldRetry: async ({ error }) => {
        if (!rules.isRetryable(failureOf(error))) return false;
        await rules.backOff(failureOf(error), errors.length);
        return true;
      },
    });
  } catch (thrown) {
    const last = thrown instanceof AttemptFailure ? thrown.failure : asError(thrown);
    const allFailed = errors.length === rules.maxRetries + 1 && last === errors.at(-1);
    throw allFailed && rules.isRetryable(last) ? rules.exhausted(errors) : last;
  }
}

function wrapFailure(failure: unknown): never {
  throw new AttemptFailure(asError(failure));
}

function failureOf(error: Error): Error {
  return error instanceof AttemptFailure ? error.failure : error;
}
