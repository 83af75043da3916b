import type { AgentsInput } from '../agents/agent-registry.js';
import { type ResponseCacheOptions, responseCacheOptionsSchema } from '../cache/cache-options.js';
import type { ResponseCache } from '../cache/response-cache.js';
import type { OutputSchema } from '../contracts/output-schema.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { filledText, oneOf, optionsObject, thing } from '../input/option-schemas.js';
import { isObject, optional, Schema, withDefault } from '../input/schema.js';
import { LOG_LEVELS, type LogLevel } from '../logging/stderr-logger.js';
import type { AnyAgents } from '../orchestrator/inferred-types.js';
import { type AsyncOrchestratorOptions, orchestratorOptionsSchema } from '../orchestrator/options.js';
import { type StateManagerOptions, stateManagerOptionsSchema } from '../state/state-options.js';
import { type TelemetryOptions, telemetryOptionsSchema } from '../telemetry/telemetry-options.js';

/** The state of an assembled program: the options of a `StateManager`, none of which is needed. */
export interface StateConfig<State = Record<string, unknown>>
  extends Omit<StateManagerOptions<State>, 'path' | 'schema' | 'default' | 'logger' | 'clock'> {
  /** The file, relative to the working directory if it is not absolute. @default '.tutti/state.json' */
  path?: string | undefined;
  /** A schema of the state, for instance of zod. @default any JSON object */
  schema?: OutputSchema<State> | undefined;
  /** The state that a missing file is created with, or a function that returns it. @default {} */
  default?: State | (() => State) | undefined;
}

/** The telemetry of an assembled program: the options of `Telemetry` but for the parts it listens to, which are there. */
export type TelemetryConfig = Omit<TelemetryOptions, 'orchestrator' | 'cache' | 'jobs' | 'bus'>;

/**
 * Everything that can be configured: the options of the orchestrator, and those of every other part under its name. A
 * part that is left out is not built.
 */
export interface TuttiConfig<Agents extends AgentsInput = AnyAgents, State = Record<string, unknown>>
  extends Omit<AsyncOrchestratorOptions<Agents>, 'cache'> {
  /** `true` in memory, options, or a `ResponseCache` that stays open. @default off */
  cache?: boolean | ResponseCacheOptions | ResponseCache | undefined;
  /** A state in a file; `{}` for the defaults. @default off */
  state?: boolean | StateConfig<State> | undefined;
  /** Counts and measures what the orchestrator does; `{}` for the defaults. @default off */
  telemetry?: boolean | TelemetryConfig | undefined;
  /**
   * Without a `logger`, lines of JSON of this level and above go to the standard error output; a `logger` gets no others.
   *
   * @default none: silent, or everything to `logger`
   */
  logLevel?: LogLevel | undefined;
}

/**
 * Returns the configuration that it is given: for editors, which then know its fields in `tutti.config.mjs`.
 *
 * @example
 * ```ts
 * export default defineConfig({
 *   agents: { shout: (task) => task.toUpperCase() },
 *   maxConcurrent: 20,
 *   cache: { directory: '.tutti' },
 * });
 * ```
 */
export function defineConfig<const Agents extends AgentsInput = AnyAgents, State = Record<string, unknown>>(
  config: TuttiConfig<Agents, State>,
): TuttiConfig<Agents, State> {
  return config;
}

/** Checks a {@link StateConfig}. @internal */
export const stateConfigSchema = madeOnce(() => {
  const statePath = withDefault(filledText('the path of a file'), '.tutti/state.json');
  const { shape } = stateManagerOptionsSchema();
  const { watch, pollMs } = shape as Record<'watch' | 'pollMs', Schema<unknown>>;
  return optionsObject({
    path: statePath,
    schema: optional(shape.schema as Schema<unknown>),
    default: optional(thing<unknown>(() => true, 'a state')),
    watch,
    pollMs,
  });
});

const telemetryConfigSchema = madeOnce(() => {
  const { orchestrator, cache, jobs, bus, ...shape } = telemetryOptionsSchema().shape;
  return optionsObject(shape);
});

/** A part that is off, on with its defaults, given ready-made, or configured. */
const switched = (options: Schema<unknown>, isReady: (value: unknown) => boolean): Schema<unknown> =>
  new Schema((value, path, issues) => {
    if (typeof value === 'boolean' || isReady(value)) return value;
    if (isObject(value)) return options.read(value, path, issues);
    issues.push({ path, message: 'expected true, false or an object of options', value, isOtherKind: true });
    return undefined;
  }, options.shape);

/** Checks a {@link TuttiConfig}: composed of the schemas of all rooms. The defaults stand there. @internal */
export const tuttiConfigSchema = madeOnce(() => {
  const orchestrator = orchestratorOptionsSchema();
  const { cache: _cache, ...shape } = orchestrator.shape as Record<string, Schema<unknown>>;
  const all = optionsObject({
    ...shape,
    cache: optional(switched(responseCacheOptionsSchema(), hasMethods('lookup', 'onInvalidate'))),
    state: optional(switched(stateConfigSchema(), () => false)),
    telemetry: optional(switched(telemetryConfigSchema(), () => false)),
    logLevel: optional(oneOf(...LOG_LEVELS)),
  });
  return new Schema<unknown>((value, path, issues) => {
    const output = all.read(value, path, issues);
    // The rules between options, which the parts alone do not have.
    if (issues.length === 0) orchestrator.read(pick(value as object, Object.keys(shape)), path, issues);
    return output;
  }, all.shape);
});

/** The fields of an object that have one of these names. */
export function pick(object: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)));
}
