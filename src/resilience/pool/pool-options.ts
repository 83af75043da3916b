import { clockSchema, loggerSchema } from '../../contracts/service-schemas.js';
import { madeOnce } from '../../input/made-once.js';
import { count, delayMs, durationMs } from '../../input/number-schemas.js';
import { filledText, optionsObject, thing } from '../../input/option-schemas.js';
import { parseOptions, type WithDefaults } from '../../input/parse-options.js';
import { optional, withDefault } from '../../input/schema.js';
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

/** A smaller pool need not say so. */
const DEFAULT_MIN_SIZE = 2;

const isFunction = (value: unknown): boolean => typeof value === 'function';

const poolSchema = madeOnce(() =>
  optionsObject({
    create: thing<PoolOptions<unknown>['create']>(isFunction, 'a function ({ signal }) => resource'),
    destroy: optional(thing<(resource: unknown) => unknown>(isFunction, 'a function (resource)')),
    validate: optional(
      thing<(resource: unknown) => boolean | Promise<boolean>>(
        isFunction,
        'a function (resource) => boolean or a promise of one',
      ),
    ),
    name: optional(filledText('a name')),
    maxSize: withDefault(count(1), 10),
    minSize: optional(count(0)),
    idleMs: withDefault(durationMs(), 300_000),
    waitTimeoutMs: withDefault(durationMs(), 30_000),
    createTimeoutMs: withDefault(durationMs(), 30_000),
    abandonMs: withDefault(delayMs(), 5_000),
    maxQueued: withDefault(count(1), 10_000),
    logger: withDefault(loggerSchema(), silentLogger),
    clock: withDefault(clockSchema(), systemClock),
  }).refine(
    ({ minSize, maxSize }) => minSize === undefined || minSize <= maxSize,
    'expected at most maxSize',
    'minSize',
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
export const poolCloseSchema = madeOnce(() => optionsObject({ drainMs: withDefault(delayMs(), 20_000) }));

/**
 * Checks a pool's options and fills in the defaults.
 *
 * @throws {@link InvalidArgumentError} for the first problem.
 */
export function resolvePoolOptions<Resource>(input: PoolOptions<Resource>): ResolvedPoolOptions<Resource> {
  const options = parseOptions(poolSchema(), input, 'Pool options');
  const minSize = options.minSize ?? Math.min(DEFAULT_MIN_SIZE, options.maxSize);
  return { ...options, minSize, logger: guardLogger(options.logger) } as ResolvedPoolOptions<Resource>;
}
