import * as z from 'zod/mini';
import { hasMethods } from '../../input/has-methods.js';
import { madeOnce } from '../../input/made-once.js';
import { count, delayMs, durationMs } from '../../input/number-schemas.js';
import { filledText, optionsObject, thing } from '../../input/option-schemas.js';
import { parseOptions, type WithDefaults } from '../../input/parse-options.js';
import { guardLogger, type Logger, silentLogger } from '../../logging/logger.js';
import { type Clock, systemClock } from '../../time/clock.js';

/** Settings of a `Pool`. Everything but `create` has a default; an unknown key is an error. */
export interface PoolOptions<Resource> {
  /**
   * Opens a resource. The signal is aborted when that has taken `createTimeoutMs`, and when the pool closes; a resource
   * that is opened even so is destroyed.
   */
  create: (context: { readonly signal: AbortSignal }) => Resource | Promise<Resource>;
  /** Closes a resource. What it throws is logged. @default nothing is closed */
  destroy?: ((resource: Resource) => unknown) | undefined;
  /**
   * Whether a resource still works. Asked before a kept one is given out and after a failed `use`; one that does not
   * work, or for which this throws or takes longer than `createTimeoutMs`, is destroyed and replaced.
   *
   * @default every kept resource works; one whose `use` failed is destroyed
   */
  validate?: ((resource: Resource) => boolean | Promise<boolean>) | undefined;
  /** What the pool is called in errors and logs. @default 'pool' */
  name?: string | undefined;
  /** Maximum open resources at any moment, those being opened and closed included; at least 1. @default 10 */
  maxSize?: number | undefined;
  /** Resources that stay open however long they are unused; at most `maxSize`. None is opened before it is needed. @default 2 */
  minSize?: number | undefined;
  /** How long an unused resource above `minSize` stays open, in milliseconds. @default 300_000 (5 minutes) */
  idleMs?: number | undefined;
  /** How long a caller waits for a resource, in milliseconds, from its request. @default 30_000 */
  waitTimeoutMs?: number | undefined;
  /** How long opening one may take, in milliseconds. @default 30_000 */
  createTimeoutMs?: number | undefined;
  /** How long work that was aborted, and `destroy`, may go on before its place is given to another, in milliseconds. @default 5_000 */
  abandonMs?: number | undefined;
  /** Callers that may wait; any further one is rejected at once; at least 1. @default 10_000 */
  maxQueued?: number | undefined;
  /** Receives warnings. @default silent */
  logger?: Logger | undefined;
  /** Where time comes from; for tests. @default the system's clock */
  clock?: Clock | undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

const poolSchema = madeOnce(() =>
  optionsObject({
    create: thing<PoolOptions<unknown>['create']>(isFunction, 'a function ({ signal }) => resource'),
    destroy: z.optional(thing<(resource: unknown) => unknown>(isFunction, 'a function (resource)')),
    validate: z.optional(
      thing<(resource: unknown) => boolean | Promise<boolean>>(
        isFunction,
        'a function (resource) => boolean or a promise of one',
      ),
    ),
    name: z.optional(filledText('a name')),
    maxSize: z._default(count(1), 10),
    minSize: z._default(count(0), 2),
    idleMs: z._default(durationMs(), 300_000),
    waitTimeoutMs: z._default(durationMs(), 30_000),
    createTimeoutMs: z._default(durationMs(), 30_000),
    abandonMs: z._default(delayMs(), 5_000),
    maxQueued: z._default(count(1), 10_000),
    logger: z._default(
      thing<Logger>(
        hasMethods('debug', 'info', 'warn', 'error'),
        'a logger with debug, info, warn and error',
      ),
      silentLogger,
    ),
    clock: z._default(
      thing<Clock>(
        hasMethods('now', 'epochMs', 'setTimeout', 'clearTimeout'),
        'a clock with now, epochMs, setTimeout and clearTimeout',
      ),
      systemClock,
    ),
  }).check(
    // A small pool need not name the lower limit too.
    z.overwrite((options) => ({ ...options, minSize: Math.min(options.minSize, options.maxSize) })),
  ),
);

/** {@link PoolOptions} with every default filled in. */
export type ResolvedPoolOptions<Resource> = WithDefaults<
  PoolOptions<Resource>,
  | 'maxSize'
  | 'minSize'
  | 'idleMs'
  | 'waitTimeoutMs'
  | 'createTimeoutMs'
  | 'abandonMs'
  | 'maxQueued'
  | 'logger'
  | 'clock'
>;

/** Checks the options of closing a pool. The default stands here and nowhere else. @internal */
export const poolCloseSchema = madeOnce(() => optionsObject({ drainMs: z._default(delayMs(), 20_000) }));

/**
 * Checks a pool's options and fills in the defaults.
 *
 * @throws {@link InvalidArgumentError} for the first problem.
 */
export function resolvePoolOptions<Resource>(input: PoolOptions<Resource>): ResolvedPoolOptions<Resource> {
  const options = parseOptions(poolSchema(), input, 'Pool options');
  return { ...options, logger: guardLogger(options.logger) } as ResolvedPoolOptions<Resource>;
}
