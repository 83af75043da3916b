import { RateLimitedError } from '../../errors/traffic-errors.js';

/** The call would wait past its deadline. Both times from now, in milliseconds. */
export function waitTooLong(lane: string, waitMs: number, leftMs: number): RateLimitedError {
  return new RateLimitedError(
    lane,
    'wait-too-long',
    `Rate limit of "${lane}": the call would wait about ${Math.ceil(waitMs)} ms, past its deadline in ` +
      `${Math.max(0, Math.floor(leftMs))} ms. Allow it more time, add a fallback, or send fewer calls.`,
    waitMs,
  );
}

/** The provider asks to wait for longer than the call waits. Both in milliseconds. */
export function pausedTooLong(lane: string, pausedForMs: number, maxWaitMs: number): RateLimitedError {
  return new RateLimitedError(
    lane,
    'wait-too-long',
    `Rate limit of "${lane}": the provider asks to wait ${Math.ceil(pausedForMs)} ms, longer than the ` +
      `${maxWaitMs} ms that the call waits. Raise retry.maxWaitMs, add a fallback, or try again later.`,
    pausedForMs,
  );
}

/** The call sends more tokens than a whole window allows. */
export function tooLarge(lane: string, inputTokens: number, limit: number): RateLimitedError {
  return new RateLimitedError(
    lane,
    'too-large',
    `Rate limit of "${lane}": the call sends about ${inputTokens} tokens, but only ${limit} are allowed per minute. ` +
      'Send less at once, or raise the limit.',
    undefined,
  );
}
