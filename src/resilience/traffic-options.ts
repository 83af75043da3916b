import { z } from 'zod';
import { InvalidArgumentError } from '../errors/input-errors.js';
import type { BudgetOptions } from './budget.js';
import { MAX_BUDGET_USD } from './budget-amount.js';
import type { CircuitBreakerOptions } from './circuit-breaker.js';
import type { FairnessOptions } from './fair-queue.js';
import type { HedgeOptions } from './hedge-policy.js';
import type { RateLimits } from './rate-limit-usage.js';

const count = z.int().min(1);
const lengthMs = z.number().positive().finite();
const share = z.number().gt(0).max(1);
const weights = z.record(z.string(), z.number().positive().finite());

const limits = z.strictObject({
  requestsPerMinute: count.optional(),
  inputTokensPerMinute: count.optional(),
  outputTokensPerMinute: count.optional(),
  tokensPerMinute: count.optional(),
  maxConcurrent: count.optional(),
});

const breaker = z.strictObject({
  failureRatio: share.default(0.5),
  minimumCalls: count.default(5),
  windowMs: lengthMs.default(60_000),
  openMs: lengthMs.default(30_000),
  halfOpenCalls: count.default(1),
});

const hedge = z
  .strictObject({
    afterMs: z.number().min(0).finite().optional(),
    percentile: z.number().min(1).max(99.9).optional(),
    maxExtraRatio: share.default(0.1),
  })
  .refine(({ afterMs, percentile }) => (afterMs === undefined) !== (percentile === undefined), {
    error: 'give either afterMs or percentile, not both and not neither',
  });

const usd = z.number().min(0).max(MAX_BUDGET_USD);
const budget = z
  .strictObject({ usd: usd.optional(), tokens: z.int().min(0).optional(), perCallUsd: usd.optional() })
  .refine((given) => given.usd !== undefined || given.tokens !== undefined, {
    error: 'give usd, tokens or both; perCallUsd alone limits nothing',
  });

const fairness = z.strictObject({
  tenantWeights: weights.optional(),
  agentWeights: weights.optional(),
  ageingMs: lengthMs.default(5_000),
});

/** The settings of a breaker, complete. */
export type ResolvedBreakerOptions = Required<{ [Key in keyof CircuitBreakerOptions]: number }>;

/** Checks `limits`. @throws {@link InvalidArgumentError} */
export function resolveRateLimits(input: RateLimits, field = 'options.limits'): RateLimits {
  return parse(limits, input, field);
}

/** Checks `breaker` and fills in its defaults. @throws {@link InvalidArgumentError} */
export function resolveBreakerOptions(
  input: CircuitBreakerOptions,
  field = 'options.breaker',
): ResolvedBreakerOptions {
  return parse(breaker, input, field);
}

/** Checks `hedge` and fills in its defaults. @throws {@link InvalidArgumentError} */
export function resolveHedgeOptions(input: HedgeOptions, field = 'options.hedge'): HedgeOptions {
  return parse(hedge, input, field);
}

/** Checks `budget`. @throws {@link InvalidArgumentError} */
export function resolveBudgetOptions(input: BudgetOptions, field = 'options.budget'): BudgetOptions {
  return parse(budget, input, field);
}

/** Checks `fairness` and fills in its defaults. @throws {@link InvalidArgumentError} */
export function resolveFairnessOptions(input: FairnessOptions, field = 'options.fairness'): FairnessOptions {
  return parse(fairness, input, field);
}

function parse<T>(schema: z.ZodType<T>, input: unknown, field: string): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = [field, ...(issue?.path ?? []).map(String)].join('.');
  throw new InvalidArgumentError(
    path,
    `${path}: ${issue?.message}. See the reference of options for its range.`,
    {
      cause: parsed.error,
    },
  );
}
