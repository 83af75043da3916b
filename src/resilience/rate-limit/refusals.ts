import { RateLimitedError } from '../../errors/traffic-errors.js';

/** The call would wait past its deadline. Both lengths from now, in milliseconds. */
export function waitTooLong(lane: string, waitMs: number, leftMs: number): RateLimitedError {
  return new RateLimitedError(
    lane,
    'wait-too-long',
    `Rate limit of "${lane}": the call would wait about ${Math.ceil(waitMs)} ms, past its deadline in ` +
      `${Math.max(0, Math.floor(leftMs))} ms. Allow it more time, name a fallback, or send fewer calls.`,
    waitMs,
  );
}

/** The lane is told to pause for longer than anybody wants to wait, in milliseconds. */
export function pausedTooLong(lane: string, pausedForMs: number): RateLimitedError {
  return new RateLimitedError(
    lane,
    'wait-too-long',
    `Rate limit of "${lane}": its provider asks to wait ${Math.ceil(pausedForMs)} ms, longer than retry.maxDelayMs.`,
    pausedForMs,
  );
}

/** The call sends more than a whole window allows. */
export function tooLarge(lane: string, inputTokens: number, limit: number): RateLimitedError {
  return new RateLimitedError(
    lane,
    'too-large',
    `Rate limit of "${lane}": the call sends about ${inputTokens} tokens, more than the ${limit} that one minute ` +
      'allows. Send less at once, or raise the limit.',
    undefined,
  );
}
