import { z } from 'zod';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count, delayMs } from '../input/number-schemas.js';
import { parseOptions } from '../input/parse-options.js';
import type { Logger } from '../logging/logger.js';
import { silentLogger } from '../logging/logger.js';
import { givenSecrets } from '../signing/secret.js';
import { type Clock, systemClock } from '../time/clock.js';
import { resolveCacheDirectory } from './cache-directory.js';
import type { AgentExclusion } from './cache-policy.js';
import type { EvictionKind } from './eviction.js';
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
  /** Most bytes stored on disk; of a cache in memory only, most bytes in all. @default 104_857_600 (100 MiB) */
  maxSizeBytes?: number | undefined;
  /** Most bytes kept in memory. @default 33_554_432 (32 MiB) */
  maxMemoryBytes?: number | undefined;
  /** Most entries, in memory and on disk each. @default none */
  maxEntries?: number | undefined;
  /**
   * Signs stored entries, at least 16 bytes; of several the first signs and all verify, for rotation.
   *
   * @default `TUTTI_CACHE_SECRET`, else a random one kept in the user's configuration folder
   */
  secret?: string | readonly string[] | undefined;
  /** Agents that are not cached: names (with `*` and `?`), patterns, functions. @default [] */
  excludeAgents?: readonly AgentExclusion[] | undefined;
  /** Who goes first when room is needed: least recently used, or least money lost. @default 'lru' */
  eviction?: EvictionKind | undefined;
  /** Whether it is switched on; `cache.enabled` switches later. @default true */
  enabled?: boolean | undefined;
  /** Tenant of requests that name none. Part of the key. @default none */
  tenant?: string | undefined;
  /** How long past its time an answer may be served while it is computed anew, in milliseconds. @default 0 */
  staleWhileRevalidateMs?: number | undefined;
  /** Differences between tasks that do not count; `true` for white space and Unicode forms. @default false */
  normalize?: boolean | NormalizeOptions | undefined;
  /** Reserved; a Redis tier cannot be given yet. */
  redis?: undefined;
  /** Reserved; a semantic tier cannot be given yet. */
  semantic?: undefined;
  /** Hears of failures of the store. @default silent */
  logger?: Logger | undefined;
  /** Where time comes from; for tests. @default the system's clock */
  clock?: Clock | undefined;
}

/** A hundred years: an instant that far ahead is still a whole number of milliseconds that JSON keeps. */
const LONGEST_TTL_MS = 100 * 365 * 24 * 60 * 60 * 1_000;
const TTL = `expected milliseconds above 0 and at most ${LONGEST_TTL_MS} (100 years)`;
const BYTES = 'expected a whole number of bytes of at least 1';

const bytes = () => z.number(BYTES).int(BYTES).min(1, BYTES);
const exclusion = madeOnce(() =>
  z.custom<AgentExclusion>(
    (value) =>
      (typeof value === 'string' && value !== '') ||
      typeof value === 'function' ||
      Object.prototype.toString.call(value) === '[object RegExp]',
    'expected an agent name, a RegExp or a function (agent) => boolean',
  ),
);

/** Checks {@link ResponseCacheOptions}. The defaults stand here and nowhere else. */
export const responseCacheOptionsSchema = madeOnce(() =>
  z
    .strictObject({
      directory: z.string('expected a path').min(1, 'expected a path').optional(),
      rootDirectory: z.string('expected a path').min(1, 'expected a path').optional(),
      store: z
        .custom<KeyvLike>(
          hasMethods('get', 'set', 'delete'),
          'expected a Keyv instance: an object with get, set and delete',
        )
        .optional(),
      ttlMs: z
        .number(TTL)
        .positive(TTL)
        .max(LONGEST_TTL_MS, TTL)
        .default(24 * 60 * 60 * 1_000),
      maxSizeBytes: bytes().default(100 * 1024 * 1024),
      maxMemoryBytes: bytes().default(32 * 1024 * 1024),
      maxEntries: count(1).optional(),
      secret: z.union([z.string(), z.array(z.string())], 'expected a string or a list of strings').optional(),
      excludeAgents: z.array(exclusion(), 'expected a list of exclusions').default([]),
      eviction: z.enum(['lru', 'cost-aware'], 'expected "lru" or "cost-aware"').default('lru'),
      enabled: z.boolean('expected true or false').default(true),
      tenant: z.string('expected a string').min(1, 'expected a name').optional(),
      staleWhileRevalidateMs: delayMs().default(0),
      normalize: z
        .union(
          [
            z.boolean(),
            z.strictObject({
              trim: z.boolean().optional(),
              unicode: z.boolean().optional(),
              spaces: z.boolean().optional(),
              ignoreCase: z.boolean().optional(),
            }),
          ],
          'expected true, false or { trim, unicode, spaces, ignoreCase }',
        )
        .default(false),
      redis: z.undefined('is reserved: this version has no Redis tier').optional(),
      semantic: z.undefined('is reserved: this version has no semantic tier').optional(),
      logger: z
        .custom<Logger>(
          hasMethods('debug', 'info', 'warn', 'error'),
          'expected a logger with debug, info, warn and error',
        )
        .default(silentLogger),
      clock: z
        .custom<Clock>(
          hasMethods('now', 'epochMs', 'setTimeout', 'clearTimeout'),
          'expected a clock with now, epochMs, setTimeout and clearTimeout',
        )
        .default(systemClock),
    })
    .refine((options) => options.directory === undefined || options.store === undefined, {
      path: ['store'],
      message: 'expected directory or store, not both',
    }),
);

/** {@link ResponseCacheOptions} with every default filled in. */
export type ResolvedResponseCacheOptions = Readonly<z.output<ReturnType<typeof responseCacheOptionsSchema>>>;

/**
 * Checks a cache's options and fills in the defaults. Touches no file.
 *
 * @throws {@link InvalidArgumentError} for the first problem.
 */
export function resolveCacheOptions(input: ResponseCacheOptions): ResolvedResponseCacheOptions {
  const options = parseOptions(responseCacheOptionsSchema(), input, 'ResponseCache options');
  givenSecrets({ secret: options.secret });
  const { directory, rootDirectory } = options;
  if (directory === undefined) return options;
  return { ...options, directory: resolveCacheDirectory(directory, rootDirectory) };
}
