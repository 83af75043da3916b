import { resolve } from 'node:path';
import type { OutputSchema } from '../contracts/output-schema.js';
import { clockSchema, loggerSchema } from '../contracts/service-schemas.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { durationMs } from '../input/number-schemas.js';
import { filledText, flag, optionsObject, thing } from '../input/option-schemas.js';
import { parseOptions, type WithDefaults } from '../input/parse-options.js';
import { optional, withDefault } from '../input/schema.js';
import { guardLogger, type Logger } from '../logging/logger.js';
import { type Clock, systemClock } from '../time/clock.js';

/** Settings of a `StateManager`. */
export interface StateManagerOptions<State> {
  /** The file, relative to the working directory if it is not absolute. JSON, in UTF-8. */
  path: string;
  /** A schema of the state, for instance of zod. Nothing that does not match it becomes the state or gets into the file. */
  schema: OutputSchema<State>;
  /**
   * The state that a missing file is created with; a function is called when that happens. Without one a missing file
   * is an error at the start.
   *
   * @default none
   */
  default?: State | (() => State) | undefined;
  /** Whether changes of the file by others become the state by themselves. Without it only `reload()` reads them. @default true */
  watch?: boolean | undefined;
  /**
   * Time between two checks of the file, in milliseconds, above 0. They find changes that the system does not report:
   * on network drives, in some containers, or where there are no watchers left.
   *
   * @default 1_000
   */
  pollMs?: number | undefined;
  /** Receives a warning for every problem of the file. Without it and without an `error` listener, the process gets the warning. @default none */
  logger?: Logger | undefined;
  /** Where time comes from; for tests. @default the system's clock */
  clock?: Clock | undefined;
}

/** Checks {@link StateManagerOptions}. The defaults stand here and nowhere else. @internal */
export const stateManagerOptionsSchema = madeOnce(() =>
  optionsObject({
    path: filledText('the path of a file'),
    schema: thing<OutputSchema>(hasMethods('safeParse'), 'a zod schema'),
    default: optional(thing<unknown>(() => true, 'a state')),
    watch: withDefault(flag(), true),
    pollMs: withDefault(durationMs(), 1_000),
    logger: optional(loggerSchema()),
    clock: withDefault(clockSchema(), systemClock),
  }),
);

/** {@link StateManagerOptions} with every default filled in and an absolute path. */
export type ResolvedStateManagerOptions<State> = WithDefaults<
  StateManagerOptions<State>,
  'watch' | 'pollMs' | 'clock'
>;

/**
 * Checks the options and fills in the defaults. Touches no file.
 *
 * @throws {@link InvalidArgumentError} for the first problem.
 */
export function resolveStateOptions<State>(
  input: StateManagerOptions<State>,
): ResolvedStateManagerOptions<State> {
  const options = parseOptions(stateManagerOptionsSchema(), input, 'StateManager options');
  const { path, logger } = options;
  return {
    ...(options as ResolvedStateManagerOptions<State>),
    // Once: the working directory may change.
    path: resolve(path),
    logger: logger && guardLogger(logger),
  };
}
