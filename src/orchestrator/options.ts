import { z } from 'zod';
import type { AgentsInput } from '../agents/agent-registry.js';
import { phaseTimeoutsSchema } from '../agents/agent-schema.js';
import type { ResponseCacheOptions } from '../cache/cache-options.js';
import type { ResponseCache } from '../cache/response-cache.js';
import type { PhaseTimeouts } from '../contracts/agent.js';
import type {
  BreakerSettings,
  BudgetSettings,
  FairnessSettings,
  HedgeSettings,
  LaneLimits,
} from '../contracts/traffic.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count, delayMs, durationMs } from '../input/number-schemas.js';
import type { Logger } from '../logging/logger.js';
import type { Jitter } from '../resilience/retry/backoff.js';
import {
  breakerSchema,
  budgetSchema,
  fairnessSchema,
  hedgeSchema,
  laneLimitsSchema,
} from '../resilience/traffic-options.js';
import type { Clock } from '../time/clock.js';

/** How long to wait between attempts, and what else may be tried again. */
export interface RetryOptions {
  /** Backoff after the first failure, in milliseconds. @default 1_000 */
  minDelayMs?: number | undefined;
  /** Longest backoff, in milliseconds; a `retry-after` may demand more. @default 30_000 */
  maxDelayMs?: number | undefined;
  /** What the backoff is multiplied with from attempt to attempt, at least 1. @default 2 */
  factor?: number | undefined;
  /**
   * Longest wait that a provider may demand (`retry-after`), in milliseconds. A longer one, or one that the call's
   * deadline has no time for, ends the call at once. `Infinity` waits for any. While a fallback is left, a call waits
   * for its agent no longer than `maxDelayMs`.
   *
   * @default 300_000
   */
  maxWaitMs?: number | undefined;
  /** `full` waits a random time up to the backoff, `equal` between half of it and all, `none` all. @default 'full' */
  jitter?: Jitter | undefined;
  /**
   * Says whether something an agent threw can pass, where nothing else tells: it gets the thrown thing itself.
   * It can add errors to those that are retried, not take any away.
   */
  when?: ((thrown: unknown) => boolean) | undefined;
}

/** Settings of an {@link AsyncOrchestrator}. Everything has a default; an unknown key is an error. */
export interface AsyncOrchestratorOptions<Agents extends AgentsInput = AgentsInput> {
  /** The agents it starts with: a record of name → function or definition, or an array of definitions. */
  agents?: Agents | undefined;
  /** Attempts running at once, over everything this orchestrator does; at least 1. @default 10 */
  maxConcurrent?: number | undefined;
  /**
   * Longest time one attempt may take, in milliseconds.
   * The clock starts when the attempt gets its permit, so time spent queueing is not counted.
   * When it runs out the attempt's signal is aborted and it fails with a `TimeoutError` (scope `attempt`), which
   * is retryable.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined;
  /** Limits on single phases of a call; all off by default. */
  timeouts?: PhaseTimeouts | undefined;
  /**
   * Longest time a whole call may take, in milliseconds, from its submission: queue, attempts and backoff. A task
   * of `executeMultiple` is submitted when it is read from its source. Not retryable.
   *
   * @default none
   */
  deadlineMs?: number | undefined;
  /** Attempts after the first one; 0 for none. @default 2 */
  maxRetries?: number | undefined;
  /** How long to wait between attempts. */
  retry?: RetryOptions | undefined;
  /**
   * Keeps answers and gives them again: `true` in memory, options for a cache of its own, or a `ResponseCache`,
   * which may be shared and is left open by `close()`.
   *
   * @default false
   */
  cache?: boolean | ResponseCacheOptions | ResponseCache | undefined;
  /** What each lane may be sent: one provider's model, or one function agent. Learned from the provider's headers in any case. @default none */
  limits?: LaneLimits | undefined;
  /** A circuit breaker for each lane; `{}` for the defaults. @default off */
  breaker?: BreakerSettings | undefined;
  /** A second attempt beside a slow one. @default off */
  hedge?: HedgeSettings | undefined;
  /** What all calls together may spend. @default none */
  budget?: BudgetSettings | undefined;
  /** What the calls of each tenant may spend. @default none */
  tenantBudget?: BudgetSettings | undefined;
  /** Shares permits and lanes between tenants in place of plain priorities; `{}` for equal shares. @default off */
  fairness?: FairnessSettings | undefined;
  /** On whose behalf calls are made unless they say so themselves. Part of every call's identity. */
  tenant?: string | undefined;
  /** Calls that may wait for a lane or a permit; one more is a `QueueFullError`. Tasks of `executeMultiple` wait unread and do not count. @default 1_000_000 */
  maxQueued?: number | undefined;
  /** Longest task, in characters. @default 100_000 */
  maxTaskChars?: number | undefined;
  /**
   * How long work may ignore its aborted signal, in milliseconds, before its permit is freed all the same. It is
   * then counted and reported as abandoned, and may still be running.
   *
   * @default 5_000
   */
  abandonMs?: number | undefined;
  /** Any pino-shaped logger. @default silent */
  logger?: Logger | undefined;
  /** Cancels every call when it aborts. */
  signal?: AbortSignal | undefined;
  /** Where time comes from; for tests. @default the system's clock */
  clock?: Clock | undefined;
}

const FACTOR = 'expected a number of at least 1';

/** Checks {@link RetryOptions}. The defaults stand here and nowhere else. */
const retrySchema = madeOnce(() =>
  z
    .strictObject({
      minDelayMs: delayMs().default(1_000),
      maxDelayMs: delayMs().default(30_000),
      maxWaitMs: z
        .number('expected milliseconds from 0 to Infinity')
        .min(0, 'expected milliseconds from 0 to Infinity')
        .or(z.literal(Number.POSITIVE_INFINITY))
        .default(300_000),
      factor: z.number(FACTOR).min(1, FACTOR).max(1_000, 'expected at most 1000').default(2),
      jitter: z.enum(['full', 'equal', 'none'], 'expected "full", "equal" or "none"').default('full'),
      when: z
        .custom<(thrown: unknown) => boolean>(
          (value) => typeof value === 'function',
          'expected a function (thrown) => boolean',
        )
        .optional(),
    })
    .refine((retry) => retry.maxDelayMs >= retry.minDelayMs, {
      path: ['maxDelayMs'],
      message: 'expected at least minDelayMs',
    }),
);

/** Checks {@link AsyncOrchestratorOptions}. The defaults stand here and nowhere else. */
export const orchestratorOptionsSchema = madeOnce(() =>
  z.strictObject({
    agents: z.unknown().optional(),
    maxConcurrent: count(1).default(10),
    timeoutMs: durationMs().default(30_000),
    timeouts: phaseTimeoutsSchema().optional(),
    deadlineMs: durationMs().optional(),
    maxRetries: count(0).default(2),
    retry: retrySchema().prefault({}),
    limits: laneLimitsSchema().optional(),
    breaker: breakerSchema().optional(),
    hedge: hedgeSchema().optional(),
    budget: budgetSchema().optional(),
    tenantBudget: budgetSchema().optional(),
    fairness: fairnessSchema().optional(),
    // Its own options are checked by the cache.
    cache: z
      .custom<boolean | object>(
        (value) =>
          typeof value === 'boolean' ||
          (typeof value === 'object' && value !== null && !Array.isArray(value)),
        'expected true, false, options of a cache or a ResponseCache',
      )
      .optional(),
    tenant: z.string('expected a string').min(1, 'expected a name').optional(),
    maxQueued: count(0).default(1_000_000),
    maxTaskChars: count(1).default(100_000),
    abandonMs: delayMs().default(5_000),
    logger: z
      .custom<Logger>(
        hasMethods('debug', 'info', 'warn', 'error'),
        'expected a logger with debug, info, warn and error',
      )
      .optional(),
    signal: z
      .custom<AbortSignal>(hasMethods('addEventListener', 'removeEventListener'), 'expected an AbortSignal')
      .optional(),
    clock: z
      .custom<Clock>(
        hasMethods('now', 'epochMs', 'setTimeout', 'clearTimeout'),
        'expected a clock with now, epochMs, setTimeout and clearTimeout',
      )
      .optional(),
  }),
);

/** Checks the options of closing. */
export const closeOptionsSchema = madeOnce(() => z.strictObject({ drainMs: delayMs().default(20_000) }));

/** {@link AsyncOrchestratorOptions} with every default filled in. */
export type ResolvedOrchestratorOptions = Readonly<z.output<ReturnType<typeof orchestratorOptionsSchema>>>;
