import { MAX_TIMER_MS } from '../time/clock.js';
import { valueThat } from './option-schemas.js';
import type { Schema } from './schema.js';

// Each message completes "<field>: <message>; got <value>."

/** A finite number that fits. In a union this message says what is wrong, not that of the union. @internal */
export const numberThat = (fits: (value: number) => boolean, message: string): Schema<number> =>
  valueThat<number>((value) => Number.isFinite(value) && fits(value as number), message, false);

/** A length of time in milliseconds: above 0 and at most what a timer can hold, 2,147,483,647 (24.8 days). @internal */
export const durationMs = (): Schema<number> =>
  numberThat(
    (ms) => ms > 0 && ms <= MAX_TIMER_MS,
    `expected milliseconds above 0 and at most ${MAX_TIMER_MS} (24.8 days)`,
  );

/** A length of time in milliseconds that may be 0. @internal */
export const delayMs = (): Schema<number> =>
  numberThat(
    (ms) => ms >= 0 && ms <= MAX_TIMER_MS,
    `expected milliseconds from 0 to ${MAX_TIMER_MS} (24.8 days)`,
  );

/** A whole number of things, from `least`. @internal */
export const count = (least: number): Schema<number> =>
  numberThat(
    (things) => Number.isSafeInteger(things) && things >= least,
    `expected a whole number of at least ${least}`,
  );
