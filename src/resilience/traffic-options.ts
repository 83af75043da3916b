import { madeOnce } from '../input/made-once.js';
import { count, delayMs, durationMs, numberThat } from '../input/number-schemas.js';
import { mapping, optionsObject } from '../input/option-schemas.js';
import { optional, withDefault } from '../input/schema.js';
import { MAX_BUDGET_USD } from './budget/budget-amount.js';
import { EQUAL_SHARES } from './permits/fair-queue.js';

const share = () => numberThat((ratio) => ratio > 0 && ratio <= 1, 'expected a share above 0 and at most 1');

const percentile = () =>
  numberThat((percent) => percent >= 1 && percent <= 99.9, 'expected a percentage from 1 to 99.9');

const usd = () =>
  numberThat(
    (dollars) => dollars >= 0 && dollars <= MAX_BUDGET_USD,
    `expected dollars from 0 to ${MAX_BUDGET_USD}`,
  );

const weights = () => mapping<number>(wrongWeight, 'expected an object of names and weights');

function wrongWeight(weight: unknown): string | undefined {
  return Number.isFinite(weight) && (weight as number) > 0 ? undefined : 'expected a weight above 0';
}

/** The schema of `limits`. @internal */
export const laneLimitsSchema = madeOnce(() =>
  optionsObject({
    requestsPerMinute: optional(count(1)),
    inputTokensPerMinute: optional(count(1)),
    outputTokensPerMinute: optional(count(1)),
    tokensPerMinute: optional(count(1)),
    maxConcurrent: optional(count(1)),
  }),
);

/** The schema of `breaker`, with its defaults. @internal */
export const breakerSchema = madeOnce(() =>
  optionsObject({
    failureRatio: withDefault(share(), 0.5),
    minimumCalls: withDefault(count(1), 5),
    windowMs: withDefault(durationMs(), 60_000),
    openMs: withDefault(durationMs(), 30_000),
    halfOpenCalls: withDefault(count(1), 1),
  }),
);

/** The schema of `hedge`, with its defaults. @internal */
export const hedgeSchema = madeOnce(() =>
  optionsObject({
    afterMs: optional(delayMs()),
    percentile: optional(percentile()),
    maxExtraRatio: withDefault(share(), 0.1),
  }).refine(
    ({ afterMs, percentile }) => afterMs === undefined || percentile === undefined,
    'expected afterMs or percentile, not both',
  ),
);

/** The schema of `budget`. @internal */
export const budgetSchema = madeOnce(() =>
  optionsObject(
    {
      usd: optional(usd()),
      tokens: optional(count(0)),
      perCallUsd: optional(usd()),
    },
    'expected an object with the unit, for instance { usd: 5 } or { tokens: 100_000 }',
  ).refine(
    (budget) => budget.usd !== undefined || budget.tokens !== undefined,
    'expected usd, tokens or both',
  ),
);

/** The schema of `tenants`. @internal */
export const tenantsSchema = madeOnce(() =>
  optionsObject({
    limits: optional(
      optionsObject({
        maxConcurrent: optional(count(1)),
        requestsPerMinute: optional(count(1)),
        tokensPerMinute: optional(count(1)),
      }),
    ),
    budget: optional(budgetSchema()),
  }),
);

/** The schema of `fairness`, with its defaults. @internal */
export const fairnessSchema = madeOnce(() =>
  optionsObject({
    tenantWeights: optional(weights()),
    agentWeights: optional(weights()),
    ageingMs: withDefault(durationMs(), EQUAL_SHARES.ageingMs),
  }),
);
