import type { AgentsInput } from '../agents/agent-registry.js';
import { hooksSchema, phaseTimeoutsSchema } from '../agents/agent-schema.js';
import type { ResponseCacheOptions } from '../cache/cache-options.js';
import type { ResponseCache } from '../cache/response-cache.js';
import type { PhaseTimeouts } from '../contracts/agent.js';
import type { ExplainOptions } from '../contracts/explanation.js';
import type { Hooks } from '../contracts/hooks.js';
import { clockSchema, loggerSchema } from '../contracts/service-schemas.js';
import type {
  BreakerSettings,
  BudgetSettings,
  FairnessSettings,
  HedgeSettings,
  LaneLimits,
  ResolvedBreakerSettings,
  ResolvedFairnessSettings,
  ResolvedHedgeSettings,
  TenantSettings,
} from '../contracts/traffic.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count, delayMs, durationMs, numberThat } from '../input/number-schemas.js';
import { filledText, oneOf, optionsObject, thing } from '../input/option-schemas.js';
import type { WithDefaults } from '../input/parse-options.js';
import { optional, Schema, withDefault } from '../input/schema.js';
import type { Logger } from '../logging/logger.js';
import type { Jitter } from '../resilience/retry/backoff.js';
import {
  breakerSchema,
  budgetSchema,
  fairnessSchema,
  hedgeSchema,
  laneLimitsSchema,
  tenantsSchema,
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
   * Decides whether an error that nothing else classifies is transient. Receives the thrown value.
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
   * The clock starts when the attempt gets its permit, so time spent queueing is not counted. It stands still while a
   * request waits for a connection, and starts again when the first request is written to one.
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
  /** What each lane may be sent: one provider's model, or one function agent. Learned from the provider's headers too. @default none */
  limits?: LaneLimits | undefined;
  /** A circuit breaker for each lane; `{}` for the defaults. @default off */
  breaker?: BreakerSettings | undefined;
  /** A second attempt beside a slow one. @default off */
  hedge?: HedgeSettings | undefined;
  /** What all calls together may spend. @default none */
  budget?: BudgetSettings | undefined;
  /** What the calls of each tenant may use at once, in a minute, and spend; see `tenant`. @default none */
  tenants?: TenantSettings | undefined;
  /** What the calls of each tenant may spend: the same as `tenants.budget`. @default none */
  tenantBudget?: BudgetSettings | undefined;
  /** Shares permits and lanes between tenants in place of plain priorities; `{}` for equal shares. @default off */
  fairness?: FairnessSettings | undefined;
  /** Code that runs around every call; several in order, before those of its agent. @default none */
  hooks?: Hooks | readonly Hooks[] | undefined;
  /** On whose behalf calls are made unless they say so themselves. Part of every call's identity. */
  tenant?: string | undefined;
  /** Calls that may wait for a lane or a permit; one more is a `QueueFullError`. Tasks of `executeMultiple` wait unread and do not count. @default 1_000_000 */
  maxQueued?: number | undefined;
  /** Longest task, in characters: all its texts together, files not counted. @default 100_000 */
  maxTaskChars?: number | undefined;
  /** Largest file of a task, in bytes; at most 1 GiB. @default 20_971_520 (20 MiB) */
  maxFileBytes?: number | undefined;
  /**
   * How long work may ignore its aborted signal, in milliseconds, before its permit is freed even so. It is
   * then counted and reported as abandoned, and may still be running.
   *
   * @default 5_000
   */
  abandonMs?: number | undefined;
  /**
   * Records the latest calls for `orchestrator.explain`: `true`, or how many are kept. It costs every call a
   * few microseconds and keeps no text of tasks or answers.
   *
   * @default false
   */
  explain?: boolean | ExplainOptions | undefined;
  /** Any pino-shaped logger. @default silent */
  logger?: Logger | undefined;
  /** Cancels every call when it aborts. */
  signal?: AbortSignal | undefined;
  /** Where time comes from; for tests. @default the system's clock */
  clock?: Clock | undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isWait = (value: unknown): boolean => typeof value === 'number' && value >= 0;
const isSwitchOrObject = (value: unknown): boolean =>
  typeof value === 'boolean' || (typeof value === 'object' && value !== null && !Array.isArray(value));

/** Checks {@link RetryOptions}. The defaults stand here and nowhere else. */
const retrySchema = madeOnce(() =>
  optionsObject(
    {
      minDelayMs: withDefault(delayMs(), 1_000),
      maxDelayMs: withDefault(delayMs(), 30_000),
      maxWaitMs: withDefault(thing<number>(isWait, 'milliseconds from 0 to Infinity'), 300_000),
      factor: withDefault(
        numberThat((factor) => factor >= 1, 'expected a number of at least 1').refine(
          (factor) => factor <= 1_000,
          'expected at most 1000',
        ),
        2,
      ),
      jitter: withDefault(oneOf('full', 'equal', 'none'), 'full'),
      when: optional(thing<(thrown: unknown) => boolean>(isFunction, 'a function (thrown) => boolean')),
    },
    'expected an object such as { minDelayMs, maxDelayMs }; the number of retries is maxRetries, and maxRetries: 0 switches them off',
  ).refine((retry) => retry.maxDelayMs >= retry.minDelayMs, 'expected at least minDelayMs', 'maxDelayMs'),
);

const recordedOptions = madeOnce(() =>
  optionsObject(
    { calls: withDefault(count(1), 1_000), requests: withDefault(count(1), 4_096) },
    'expected true, false or an object such as { calls: 1000 }',
  ),
);

/** Checks `explain`: `true` is all its defaults, `false` is off. @internal */
export const explainSchema = madeOnce(
  () =>
    new Schema<Required<ExplainOptions> | undefined>((given, path, issues) =>
      given === false ? undefined : recordedOptions().read(given === true ? {} : given, path, issues),
    ),
);

/** Checks {@link AsyncOrchestratorOptions}. The defaults stand here and nowhere else. @internal */
export const orchestratorOptionsSchema = madeOnce(
  () =>
    optionsObject({
      agents: optional(thing<unknown>(() => true, 'agents')),
      maxConcurrent: withDefault(count(1), 10),
      timeoutMs: withDefault(durationMs(), 30_000),
      timeouts: optional(phaseTimeoutsSchema()),
      deadlineMs: optional(durationMs()),
      maxRetries: withDefault(count(0), 2),
      retry: withDefault(retrySchema(), {}),
      limits: optional(laneLimitsSchema()),
      breaker: optional(breakerSchema()),
      hedge: optional(hedgeSchema()),
      budget: optional(budgetSchema()),
      tenants: optional(tenantsSchema()),
      tenantBudget: optional(budgetSchema()),
      fairness: optional(fairnessSchema()),
      // Its own options are checked by the cache.
      cache: optional(
        thing<boolean | object>(isSwitchOrObject, 'true, false, options of a cache or a ResponseCache'),
      ),
      explain: optional(explainSchema()),
      hooks: optional(hooksSchema()),
      tenant: optional(filledText('a name')),
      maxQueued: withDefault(count(0), 1_000_000),
      maxTaskChars: withDefault(count(1), 100_000),
      maxFileBytes: withDefault(
        count(1).refine((bytes) => bytes <= 1_073_741_824, 'expected at most 1 GiB'),
        20_971_520,
      ),
      abandonMs: withDefault(delayMs(), 5_000),
      logger: optional(loggerSchema()),
      signal: optional(
        thing<AbortSignal>(
          hasMethods('addEventListener', 'removeEventListener'),
          'an AbortSignal (of an AbortController: its signal)',
        ),
      ),
      clock: optional(clockSchema()),
    }).refine(
      ({ tenants, tenantBudget }) => tenants?.budget === undefined || tenantBudget === undefined,
      'expected tenants.budget or tenantBudget, which are the same, not both',
      'tenantBudget',
    ) satisfies Schema<ResolvedOrchestratorOptions>,
);

/** Checks the options of closing. @internal */
export const closeOptionsSchema = madeOnce(() => optionsObject({ drainMs: withDefault(delayMs(), 20_000) }));

/** {@link AsyncOrchestratorOptions} with every default filled in. */
export type ResolvedOrchestratorOptions = WithDefaults<
  Omit<AsyncOrchestratorOptions, 'agents' | 'cache' | 'retry' | 'breaker' | 'hedge' | 'fairness' | 'explain'>,
  'maxConcurrent' | 'timeoutMs' | 'maxRetries' | 'maxQueued' | 'maxTaskChars' | 'maxFileBytes' | 'abandonMs'
> & {
  readonly agents?: unknown;
  readonly cache?: boolean | object | undefined;
  readonly explain?: Required<ExplainOptions> | undefined;
  readonly breaker?: ResolvedBreakerSettings | undefined;
  readonly hedge?: ResolvedHedgeSettings | undefined;
  readonly fairness?: ResolvedFairnessSettings | undefined;
  readonly retry: WithDefaults<RetryOptions, 'minDelayMs' | 'maxDelayMs' | 'maxWaitMs' | 'factor' | 'jitter'>;
};
