import { clockSchema, loggerSchema } from '../contracts/service-schemas.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count, delayMs, numberThat } from '../input/number-schemas.js';
import { filledText, flag, oneOf, optionsObject, text, thing, valueThat } from '../input/option-schemas.js';
import { parseOptions, type WithDefaults } from '../input/parse-options.js';
import { list, optional, record, type Schema, union, withDefault } from '../input/schema.js';
import type { Logger } from '../logging/logger.js';
import { guardLogger, silentLogger } from '../logging/logger.js';
import { configuredSecrets } from '../signing/configured-secrets.js';
import { type Clock, systemClock } from '../time/clock.js';
import { resolveCacheDirectory } from './cache-directory.js';
import type { AgentExclusion } from './cache-policy.js';
import type { EvictionKind } from './eviction.js';
import type { NamespaceSettings } from './namespaces.js';
import type { NormalizeOptions } from './normalize-task.js';
import type { KeyvLike } from './tiers/keyv-tier.js';

/** Settings of a `ResponseCache`. Everything has a default; an unknown key is an error. */
export interface ResponseCacheOptions {
  /**
   * Folder that holds `cache.db`; made when it is missing. `~` is the home directory. System folders are
   * refused. Without it and without `store` the cache is in memory only.
   *
   * @default none
   */
  directory?: string | undefined;
  /** Folder that `directory` must lie in; for folders that come from a configuration. @default none */
  rootDirectory?: string | undefined;
  /** Any Keyv instance to keep entries in, in place of `directory`. The cache does not close it. @default none */
  store?: KeyvLike | undefined;
  /** How long an answer stays fresh, in milliseconds. @default 86_400_000 (24 hours) */
  ttlMs?: number | undefined;
  /** Maximum bytes stored on disk; in total for a memory-only cache. @default 104_857_600 (100 MiB) */
  maxSizeBytes?: number | undefined;
  /** Maximum bytes kept in memory. @default 33_554_432 (32 MiB) */
  maxMemoryBytes?: number | undefined;
  /** Maximum entries, in memory and on disk each. @default none */
  maxEntries?: number | undefined;
  /**
   * Groups of answers with a time to live and a limit of their own, by name: `{ pages: { ttlMs: 600_000, maxEntries: 1_000 } }`.
   *
   * @default none
   */
  namespaces?: Readonly<Record<string, NamespaceSettings>> | undefined;
  /**
   * Signs stored entries, at least 16 bytes; of several the first signs and all verify, for rotation.
   *
   * @default `TUTTI_CACHE_SECRET`, else a random one kept in the user's configuration folder
   */
  secret?: string | readonly string[] | undefined;
  /** Agents that are not cached: names (with `*` and `?`), patterns, functions. @default [] */
  excludeAgents?: readonly AgentExclusion[] | undefined;
  /** Which entry is evicted first: the least recently used, or the one with the lowest value. @default 'lru' */
  eviction?: EvictionKind | undefined;
  /** Whether it is switched on; `cache.enabled` switches later. @default true */
  enabled?: boolean | undefined;
  /** Tenant of requests that name none. Part of the key. @default none */
  tenant?: string | undefined;
  /** How long an expired answer may still be served while a new one is computed, in milliseconds. @default 0 */
  staleWhileRevalidateMs?: number | undefined;
  /** Differences between tasks that do not count; `true` for white space and Unicode forms. @default false */
  normalize?: boolean | NormalizeOptions | undefined;
  /** Reserved; a Redis tier cannot be given yet. */
  redis?: undefined;
  /** Reserved; a semantic tier cannot be given yet. */
  semantic?: undefined;
  /** Receives warnings about the store and the secret. A logger that throws breaks nothing. @default silent */
  logger?: Logger | undefined;
  /** Where time comes from; for tests. @default the system's clock */
  clock?: Clock | undefined;
}

/** A hundred years: an instant that far ahead is still a whole number of milliseconds that JSON keeps. */
const LONGEST_TTL_MS = 100 * 365 * 24 * 60 * 60 * 1_000;

const ttlMs = () =>
  numberThat(
    (ms) => ms > 0 && ms <= LONGEST_TTL_MS,
    `expected milliseconds above 0 and at most ${LONGEST_TTL_MS} (100 years)`,
  );
const bytes = () =>
  numberThat(
    (size) => Number.isSafeInteger(size) && size >= 1,
    'expected a whole number of bytes of at least 1',
  );
const path = () => thing<string>((value) => typeof value === 'string' && value !== '', 'a path');
const reserved = (tier: string) =>
  optional(
    valueThat<undefined>(
      (value) => value === undefined,
      `is reserved: this version has no ${tier} tier`,
      true,
    ),
  );
const isExclusion = (value: unknown): boolean =>
  (typeof value === 'string' && value !== '') ||
  typeof value === 'function' ||
  Object.prototype.toString.call(value) === '[object RegExp]';
const exclusion = () =>
  thing<AgentExclusion>(isExclusion, 'an agent name, a RegExp or a function (agent) => boolean');

const normalizeSchema = () =>
  union(
    [
      flag(),
      optionsObject({
        trim: optional(flag()),
        unicode: optional(flag()),
        spaces: optional(flag()),
        ignoreCase: optional(flag()),
      }),
    ],
    'expected true, false or { trim, unicode, spaces, ignoreCase }',
  );

const namespaceSchema = () =>
  optionsObject({
    ttlMs: optional(ttlMs()),
    maxEntries: optional(count(1)),
    agents: optional(list(filledText('a name'), 'expected a list of names')),
  });

/** Checks {@link ResponseCacheOptions}. The defaults stand here and nowhere else. @internal */
export const responseCacheOptionsSchema = madeOnce(
  () =>
    optionsObject({
      directory: optional(path()),
      rootDirectory: optional(path()),
      store: optional(
        thing<KeyvLike>(
          hasMethods('get', 'set', 'delete'),
          'a Keyv instance: an object with get, set and delete',
        ),
      ),
      ttlMs: withDefault(ttlMs(), 24 * 60 * 60 * 1_000),
      maxSizeBytes: withDefault(bytes(), 100 * 1024 * 1024),
      maxMemoryBytes: withDefault(bytes(), 32 * 1024 * 1024),
      maxEntries: optional(count(1)),
      namespaces: optional(record(namespaceSchema(), 'expected an object of namespaces')),
      secret: optional(
        union([text(), list(text(), 'expected a list of strings')], 'expected a string or a list of strings'),
      ),
      excludeAgents: withDefault(list(exclusion(), 'expected a list of exclusions'), []),
      eviction: withDefault(oneOf('lru', 'cost-aware'), 'lru'),
      enabled: withDefault(flag(), true),
      tenant: optional(filledText('a name')),
      staleWhileRevalidateMs: withDefault(delayMs(), 0),
      normalize: withDefault(normalizeSchema(), false),
      redis: reserved('Redis'),
      semantic: reserved('semantic'),
      logger: withDefault(loggerSchema(), silentLogger),
      clock: withDefault(clockSchema(), systemClock),
    }).refine(
      (options) => options.directory === undefined || options.store === undefined,
      'expected directory or store, not both',
      'store',
    ) satisfies Schema<ResolvedResponseCacheOptions>,
);

/** {@link ResponseCacheOptions} with every default filled in. */
export type ResolvedResponseCacheOptions = WithDefaults<
  ResponseCacheOptions,
  | 'ttlMs'
  | 'maxSizeBytes'
  | 'maxMemoryBytes'
  | 'excludeAgents'
  | 'eviction'
  | 'enabled'
  | 'staleWhileRevalidateMs'
  | 'normalize'
  | 'logger'
  | 'clock'
>;

/**
 * Checks a cache's options and fills in the defaults. Touches no file.
 *
 * @throws {@link InvalidArgumentError} for the first problem.
 */
export function resolveCacheOptions(input: ResponseCacheOptions): ResolvedResponseCacheOptions {
  const options = parseOptions(responseCacheOptionsSchema(), input, 'ResponseCache options');
  configuredSecrets({ secret: options.secret });
  const { directory, rootDirectory } = options;
  const logger = guardLogger(options.logger);
  if (directory === undefined) return { ...options, logger };
  return { ...options, logger, directory: resolveCacheDirectory(directory, rootDirectory) };
}
