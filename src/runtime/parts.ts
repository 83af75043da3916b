import type { AgentsInput } from '../agents/agent-registry.js';
import type { ResponseCacheOptions } from '../cache/cache-options.js';
import { ResponseCache } from '../cache/response-cache.js';
import type { OutputSchema } from '../contracts/output-schema.js';
import { parseOptions } from '../input/parse-options.js';
import { isObject } from '../input/schema.js';
import { guardLogger, type Logger } from '../logging/logger.js';
import { createStderrLogger, LOG_LEVELS, type LogLevel } from '../logging/stderr-logger.js';
import { AsyncOrchestrator } from '../orchestrator/async-orchestrator.js';
import { StateManager } from '../state/state-manager.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { isPlain } from './merged-config.js';
import { type StateConfig, stateConfigSchema, type TuttiConfig } from './tutti-config.js';

/** The parts of an assembled program. Those that are not configured are `undefined`. */
export interface TuttiParts<Agents extends AgentsInput, State> {
  /** The state in a file. */
  readonly state: StateManager<State> | undefined;
  /** The cache of answers. */
  readonly cache: ResponseCache | undefined;
  /** The orchestrator. */
  readonly orchestrator: AsyncOrchestrator<Agents>;
  /** What it counts and measures. */
  readonly telemetry: Telemetry | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: whatever agents and state it is configured with
type AnyParts = TuttiParts<any, any>;

/** What parts are built from. */
export interface PartContext {
  /** A checked configuration. */
  readonly config: TuttiConfig;
  readonly logger: Logger | undefined;
  /** The parts before this one. */
  readonly parts: Partial<AnyParts>;
}

/** A part that runs. */
export interface StartedPart {
  readonly instance: unknown;
  /** Ends what was started here; absent for a part that was given ready-made. */
  close?(options: { readonly drainMs: number }): Promise<void>;
}

/** One part of the assembly. */
export interface Part {
  readonly name: keyof AnyParts;
  /** The names before the names of its settings; none for those at the top. */
  readonly settings: readonly string[];
  /** A part before it that it listens to, and that is therefore closed first. */
  readonly outlives?: keyof AnyParts;
  /** Builds and starts it; `undefined` if it is not configured. It must leave nothing running if it fails. */
  start(context: PartContext): Promise<StartedPart | undefined> | StartedPart | undefined;
}

/**
 * All parts in the order in which they are started. They are closed in reverse, but for those that outlive what they
 * listen to. A new room adds its part here.
 */
export const PARTS: readonly Part[] = [
  { name: 'state', settings: ['state'], start: startState },
  { name: 'cache', settings: ['cache'], start: startCache },
  { name: 'orchestrator', settings: [], start: startOrchestrator },
  { name: 'telemetry', settings: ['telemetry'], outlives: 'orchestrator', start: startTelemetry },
];

async function startState({ config, logger }: PartContext): Promise<StartedPart | undefined> {
  if (!isObject(config.state)) return undefined;
  const options = parseOptions(stateConfigSchema(), config.state, 'state') as StateConfig & { path: string };
  const { schema = anyObject, default: initial = {} } = options;
  const { clock } = config;
  const instance = new StateManager({ ...options, schema, default: initial, logger, clock });
  try {
    await instance.start();
  } catch (error) {
    await instance.close({ drainMs: 0 });
    throw error;
  }
  return { instance, close: (closing) => instance.close(closing) };
}

/** The state of a configuration that has no schema, as one in JSON. */
const anyObject: OutputSchema<Record<string, unknown>> = {
  safeParse: (value) =>
    isObject(value)
      ? { success: true, data: value }
      : { success: false, error: { issues: [{ path: [], message: 'expected a JSON object' }] } },
};

function startCache({ config, logger }: PartContext): StartedPart | undefined {
  const { cache, clock, tenant } = config;
  if (!isObject(cache)) return undefined;
  if (!isPlain(cache)) return { instance: cache };
  const instance = new ResponseCache({ clock, logger, tenant, ...(cache as ResponseCacheOptions) });
  return { instance, close: () => instance.close() };
}

function startOrchestrator({ config, logger, parts }: PartContext): StartedPart {
  const { state: _state, telemetry: _telemetry, logLevel: _logLevel, ...options } = config;
  const instance = new AsyncOrchestrator({ ...options, logger, cache: parts.cache ?? false });
  return { instance, close: (closing) => instance.close(closing) };
}

function startTelemetry({ config, parts }: PartContext): StartedPart | undefined {
  if (!isObject(config.telemetry)) return undefined;
  const { cache, orchestrator } = parts as AnyParts;
  const instance = new Telemetry({ ...config.telemetry, orchestrator, cache });
  return { instance, close: () => instance.close() };
}

/** The logger of all parts: the given one, with the levels that were asked for, or one of our own. */
export function loggerOf({ logger, logLevel }: TuttiConfig): Logger | undefined {
  if (logLevel === undefined) return logger;
  return logger === undefined ? createStderrLogger(logLevel) : withLevel(guardLogger(logger), logLevel);
}

function withLevel(logger: Logger, level: LogLevel): Logger {
  const nothing = (): void => {};
  const passing = (name: 'debug' | 'info' | 'warn' | 'error') =>
    LOG_LEVELS.indexOf(name) < LOG_LEVELS.indexOf(level) ? nothing : logger[name];
  return {
    debug: passing('debug'),
    info: passing('info'),
    warn: passing('warn'),
    error: passing('error'),
    child: (fields) => withLevel(logger.child?.(fields) ?? logger, level),
  };
}
