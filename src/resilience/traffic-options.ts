import { z } from 'zod';
import { madeOnce } from '../input/made-once.js';
import { count, delayMs, durationMs } from '../input/number-schemas.js';
import { MAX_BUDGET_USD } from './budget/budget-amount.js';
import { EQUAL_SHARES } from './permits/fair-queue.js';

// Each message completes "<field>: <message>; got <value>."

const share = (): z.ZodNumber => {
  const message = 'expected a share above 0 and at most 1';
  return z.number(message).gt(0, message).max(1, message);
};

const percentile = (): z.ZodNumber => {
  const message = 'expected a percentage from 1 to 99.9';
  return z.number(message).min(1, message).max(99.9, message);
};

const usd = (): z.ZodNumber => {
  const message = `expected dollars from 0 to ${MAX_BUDGET_USD}`;
  return z.number(message).min(0, message).max(MAX_BUDGET_USD, message);
};

const weights = () => {
  const message = 'expected a weight above 0';
  return z.record(z.string(), z.number(message).positive(message));
};

/** The schema of `limits`. */
export const laneLimitsSchema = madeOnce(() =>
  z.strictObject({
    requestsPerMinute: count(1).optional(),
    inputTokensPerMinute: count(1).optional(),
    outputTokensPerMinute: count(1).optional(),
    tokensPerMinute: count(1).optional(),
    maxConcurrent: count(1).optional(),
  }),
);

/** The schema of `breaker`, with its defaults. */
export const breakerSchema = madeOnce(() =>
  z.strictObject({
    failureRatio: share().default(0.5),
    minimumCalls: count(1).default(5),
    windowMs: durationMs().default(60_000),
    openMs: durationMs().default(30_000),
    halfOpenCalls: count(1).default(1),
  }),
);

/** The schema of `hedge`, with its defaults. */
export const hedgeSchema = madeOnce(() =>
  z
    .strictObject({
      afterMs: delayMs().optional(),
      percentile: percentile().optional(),
      maxExtraRatio: share().default(0.1),
    })
    .refine(({ afterMs, percentile }) => afterMs === undefined || percentile === undefined, {
      error: 'expected afterMs or percentile, not both',
    }),
);

/** The schema of `budget`. */
export const budgetSchema = madeOnce(() =>
  z
    .strictObject({ usd: usd().optional(), tokens: count(0).optional(), perCallUsd: usd().optional() })
    .refine((budget) => budget.usd !== undefined || budget.tokens !== undefined, {
      error: 'expected usd, tokens or both',
    }),
);

/** The schema of `fairness`, with its defaults. */
export const fairnessSchema = madeOnce(() =>
  z.strictObject({
    tenantWeights: weights().optional(),
    agentWeights: weights().optional(),
    ageingMs: durationMs().default(EQUAL_SHARES.ageingMs),
  }),
);
