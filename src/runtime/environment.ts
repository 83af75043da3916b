import { ConfigError } from '../errors/config-error.js';
import { describeKind, describeValue } from '../input/describe-value.js';
import { nearestName } from '../input/nearest-name.js';

/** The environment, as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How the text of a variable is read. */
export type VariableKind = 'text' | 'number' | 'seconds' | 'switch' | 'debug';

/** A setting that an environment variable sets. */
export interface Variable {
  readonly name: string;
  /** Another name, which many deployments already have. `name` takes precedence. */
  readonly alias?: { readonly name: string; readonly kind: VariableKind };
  /** The setting, with dots between its names. */
  readonly setting: string;
  readonly kind: VariableKind;
  /** Whether it turns on the part that it belongs to. Others configure a part that is on. */
  readonly turnsOn?: boolean;
  readonly isSecret?: boolean;
  readonly meaning: string;
}

/** All environment variables. `docs/reference/configuration.md` is made from this table. */
export const VARIABLES: readonly Variable[] = [
  {
    name: 'TUTTI_MAX_CONCURRENT',
    alias: { name: 'MAX_CONCURRENT_OPERATIONS', kind: 'number' },
    setting: 'maxConcurrent',
    kind: 'number',
    meaning: 'attempts running at once',
  },
  { name: 'TUTTI_TIMEOUT_MS', setting: 'timeoutMs', kind: 'number', meaning: 'time limit of one attempt' },
  { name: 'TUTTI_DEADLINE_MS', setting: 'deadlineMs', kind: 'number', meaning: 'time limit of a whole call' },
  {
    name: 'TUTTI_MAX_RETRIES',
    setting: 'maxRetries',
    kind: 'number',
    meaning: 'attempts after the first one',
  },
  { name: 'TUTTI_MAX_QUEUED', setting: 'maxQueued', kind: 'number', meaning: 'calls that may wait' },
  { name: 'TUTTI_TENANT', setting: 'tenant', kind: 'text', meaning: 'tenant that calls are made for' },
  {
    name: 'TUTTI_BUDGET_USD',
    setting: 'budget.usd',
    kind: 'number',
    turnsOn: true,
    meaning: 'what all calls together may spend, in US dollars',
  },
  {
    name: 'TUTTI_CACHE',
    alias: { name: 'ENABLE_RESPONSE_CACHING', kind: 'switch' },
    setting: 'cache',
    kind: 'switch',
    turnsOn: true,
    meaning: 'whether answers are cached',
  },
  {
    name: 'TUTTI_CACHE_DIRECTORY',
    setting: 'cache.directory',
    kind: 'text',
    turnsOn: true,
    meaning: 'folder of the cache; in memory only without it',
  },
  {
    name: 'TUTTI_CACHE_TTL_MS',
    alias: { name: 'CACHE_DEFAULT_TTL', kind: 'seconds' },
    setting: 'cache.ttlMs',
    kind: 'number',
    meaning: 'how long an answer stays fresh',
  },
  {
    name: 'TUTTI_CACHE_MAX_ENTRIES',
    alias: { name: 'CACHE_MAX_SIZE', kind: 'number' },
    setting: 'cache.maxEntries',
    kind: 'number',
    meaning: 'maximum number of answers',
  },
  {
    name: 'TUTTI_CACHE_MAX_SIZE_BYTES',
    setting: 'cache.maxSizeBytes',
    kind: 'number',
    meaning: 'maximum bytes of answers on disk',
  },
  {
    name: 'TUTTI_CACHE_MAX_MEMORY_BYTES',
    setting: 'cache.maxMemoryBytes',
    kind: 'number',
    meaning: 'maximum bytes of answers in memory',
  },
  {
    name: 'TUTTI_CACHE_SECRET',
    setting: 'cache.secret',
    kind: 'text',
    isSecret: true,
    meaning: 'signs answers that are stored, at least 16 bytes',
  },
  {
    name: 'TUTTI_STATE_PATH',
    alias: { name: 'STATE_FILE_PATH', kind: 'text' },
    setting: 'state.path',
    kind: 'text',
    turnsOn: true,
    meaning: 'file of the state, relative to the working directory',
  },
  {
    name: 'TUTTI_STATE_WATCH',
    alias: { name: 'ENABLE_STATE_WATCHING', kind: 'switch' },
    setting: 'state.watch',
    kind: 'switch',
    meaning: 'whether the file of the state is watched',
  },
  {
    name: 'TUTTI_STATE_POLL_MS',
    setting: 'state.pollMs',
    kind: 'number',
    meaning: 'time between two checks of the file of the state',
  },
  {
    name: 'TUTTI_TELEMETRY',
    alias: { name: 'PERFORMANCE_MONITORING_ENABLED', kind: 'switch' },
    setting: 'telemetry',
    kind: 'switch',
    turnsOn: true,
    meaning: 'whether calls are counted and measured',
  },
  {
    name: 'TUTTI_TELEMETRY_SAMPLE_MS',
    alias: { name: 'METRICS_COLLECTION_INTERVAL', kind: 'seconds' },
    setting: 'telemetry.sampleMs',
    kind: 'number',
    meaning: 'time between two samples',
  },
  {
    name: 'TUTTI_TELEMETRY_DIRECTORY',
    setting: 'telemetry.history.directory',
    kind: 'text',
    turnsOn: true,
    meaning: 'folder of the history; none is kept without it',
  },
  {
    name: 'TUTTI_LOG_LEVEL',
    alias: { name: 'OPTIMIZATION_DEBUG', kind: 'debug' },
    setting: 'logLevel',
    kind: 'text',
    meaning: '`debug`, `info`, `warn`, `error` or `silent`',
  },
];

/** What a variable sets. */
export interface VariableValue {
  readonly name: string;
  readonly variable: Variable;
  readonly kind: VariableKind;
  readonly text: string;
  readonly value: unknown;
}

/** Set by this package for the programs that it starts. */
const OWN_MARKS: readonly string[] = ['TUTTI_CALL'];

/**
 * The settings that an environment has. An empty variable counts as none, as container tools pass on variables that are
 * not set.
 *
 * @throws {@link ConfigError} for a value of another kind, and for a name that is nearly one of the table.
 */
export function readEnvironment(env: Environment): VariableValue[] {
  refuseMisspelt(env);
  return VARIABLES.flatMap((variable) => {
    const { alias } = variable;
    const own = valueIn(env, variable, variable.name, variable.kind);
    const found = own ?? (alias && valueIn(env, variable, alias.name, alias.kind));
    return found === undefined || found.value === undefined ? [] : [found];
  });
}

function refuseMisspelt(env: Environment): void {
  const prefix = 'TUTTI_';
  const known = VARIABLES.map(({ name }) => name.slice(prefix.length));
  for (const [name, text] of Object.entries(env)) {
    const own = name.slice(prefix.length);
    if (!name.startsWith(prefix) || !text || known.includes(own) || OWN_MARKS.includes(name)) continue;
    const nearest = nearestName(own, known);
    if (nearest === undefined) continue;
    throw new ConfigError(name, undefined, `this variable is not known. Did you mean "${prefix}${nearest}"?`);
  }
}

function valueIn(
  env: Environment,
  variable: Variable,
  name: string,
  kind: VariableKind,
): VariableValue | undefined {
  const text = env[name]?.trim();
  if (text === undefined || text === '') return undefined;
  const { value, expected } = READERS[kind](text);
  if (expected === undefined) return { name, variable, kind, text, value };
  const came = variable.isSecret === true ? describeKind(text) : describeValue(text);
  throw new ConfigError(name, variable.setting, `${variable.setting}: expected ${expected}; got ${came}.`);
}

interface Reading {
  readonly value?: unknown;
  readonly expected?: string;
}

const READERS: Readonly<Record<VariableKind, (text: string) => Reading>> = {
  text: (text) => ({ value: text }),
  number: (text) => readNumber(text, 'a number', 1),
  seconds: (text) => readNumber(text, 'a number of seconds', 1_000),
  switch: readSwitch,
  debug: (text) => {
    const { value, ...rest } = readSwitch(text);
    return { ...rest, ...(value === true ? { value: 'debug' } : {}) };
  },
};

function readNumber(text: string, expected: string, factor: number): Reading {
  return /^[+-]?\d[\d_]*(\.\d+)?$/.test(text)
    ? { value: Number(text.replaceAll('_', '')) * factor }
    : { expected };
}

function readSwitch(text: string): Reading {
  const word = text.toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(word)) return { value: true };
  if (['false', '0', 'no', 'off'].includes(word)) return { value: false };
  return { expected: 'true or false' };
}
