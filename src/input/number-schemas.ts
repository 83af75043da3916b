import { z } from 'zod';
import { MAX_TIMER_MS } from '../time/clock.js';

// Each message completes "<field>: <message>; got <value>."

/** A length of time in milliseconds: above 0 and at most what a timer can hold, 2,147,483,647 (24.8 days). */
export const durationMs = (): z.ZodNumber => {
  const message = `expected milliseconds above 0 and at most ${MAX_TIMER_MS} (24.8 days)`;
  return z.number(message).positive(message).max(MAX_TIMER_MS, message);
};

/** A length of time in milliseconds that may be 0. */
export const delayMs = (): z.ZodNumber => {
  const message = `expected milliseconds from 0 to ${MAX_TIMER_MS} (24.8 days)`;
  return z.number(message).min(0, message).max(MAX_TIMER_MS, message);
};

/** A whole number of things, from `least`. */
export const count = (least: number): z.ZodNumber => {
  const message = `expected a whole number of at least ${least}`;
  return z.number(message).int(message).min(least, message);
};
