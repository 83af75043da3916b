import type { OutputSchema } from '../contracts/output-schema.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { canonicalJson } from '../hashing/canonical-json.js';
import { expectText, mismatch } from '../input/checks.js';
import { hasMethods } from '../input/has-methods.js';
import { unknownKeyError } from '../input/unknown-key.js';
import { describeIssues } from '../output/describe-issues.js';
import type { CacheRequest } from './cache-key.js';
import type { StoredAnswer } from './cached-answer.js';
import { readAs } from './read-as.js';
import { ResponseCache } from './response-cache.js';
import { setSchemaTtl } from './schema-ttl.js';
import { checkSetOptions } from './set-options.js';

/** Settings of {@link cacheable}. */
export interface CacheableOptions {
  /** What the data is called in the cache: it is found again under this name, and belongs to the namespace of it. */
  name: string;
  /**
   * How long a value stays fresh, in milliseconds. Also applies to answers of agents that have the schema as `output` and
   * no time of their own.
   *
   * @default that of the namespace, else the cache's `ttlMs`
   */
  ttlMs?: number | undefined;
  /** Labels for `deleteByTag` on the cache. @default [] */
  tags?: readonly string[] | undefined;
  /** The cache to keep values in. @default a cache of its own, in memory */
  cache?: ResponseCache | undefined;
}

/** Values of one schema in a cache. An id is any JSON value. */
export interface CacheableStore<Data> {
  /** The key of an id, or of a value itself: 32 hex characters, the same in every process. */
  key(id: unknown): string;
  /** The stored value; `undefined` if there is none. One that no longer matches the schema is removed. */
  get(id: unknown): Promise<Data | undefined>;
  /** Stores a value; returns whether it was stored. */
  set(id: unknown, value: Data): Promise<boolean>;
  /** The stored value, or the one that `load` returns, which is then stored. Runs once for callers at the same time. */
  getOrSet(id: unknown, load: () => Data | Promise<Data>): Promise<Data>;
  /** Removes a value; returns whether there was one. */
  delete(id: unknown): Promise<boolean>;
  /** Removes all values of this name; returns how many. */
  clear(): Promise<number>;
  /** The cache that holds the values. */
  readonly cache: ResponseCache;
}

const KNOWN = ['name', 'ttlMs', 'tags', 'cache'];

/**
 * Keeps values of a zod schema in a cache, under ids. A value is checked before it is stored and again when it is read,
 * so a change of the schema never serves what it no longer describes.
 *
 * Values are stored as JSON, as they were given, and what a reader gets is what the schema returns for that: a copy of its
 * own.
 *
 * @example
 * ```ts
 * const pages = cacheable(pageSchema, { name: 'pages', ttlMs: 600_000, cache });
 * const page = await pages.getOrSet('intro', () => loadPage('intro'));
 * ```
 *
 * @throws `InvalidArgumentError` for an invalid schema or option. The methods reject with it for ids that are not JSON,
 * and for values that are not, or do not match the schema.
 */
export function cacheable<Data>(schema: OutputSchema<Data>, options: CacheableOptions): CacheableStore<Data> {
  checkArguments(schema, options);
  const { name, ttlMs, tags, cache = new ResponseCache() } = options;
  if (ttlMs !== undefined) setSchemaTtl(schema, ttlMs);
  const agent = `data:${name}`;
  const stored = { ttlMs, tags };
  const requestOf = (id: unknown): CacheRequest => ({ agent, task: canonicalJson(id, 'id') });
  const toAnswer = (value: Data) => ({ output: textOf(schema, value) });

  return {
    key: (id) => cache.key(requestOf(id)),
    get: async (id) => (await cache.getAs(requestOf(id), schema))?.data,
    set: async (id, value) => await cache.set(requestOf(id), toAnswer(value), stored),
    getOrSet: async (id, load) => {
      const accepts = (answer: StoredAnswer) => readAs(schema).accepts(answer);
      const compute = async () => toAnswer(await load());
      const value = await cache.getOrCompute(requestOf(id), compute, { ...stored, accepts });
      const reader = readAs(schema);
      if (reader.accepts(value)) return reader.data();
      throw new InvalidArgumentError(
        'schema',
        `schema: expected one that accepts the same value of "${name}" each time or never.`,
      );
    },
    delete: async (id) => await cache.delete(requestOf(id)),
    clear: async () => await cache.deleteAgent(agent),
    cache,
  };
}

/** The JSON text of a value that matches the schema. */
function textOf<Data>(schema: OutputSchema<Data>, value: Data): string {
  canonicalJson(value, 'value');
  const parsed = schema.safeParse(value);
  if (parsed.success) return JSON.stringify(value);
  throw new InvalidArgumentError(
    'value',
    `value: it does not match the schema: ${describeIssues(parsed.error)}.`,
  );
}

function checkArguments(schema: unknown, options: CacheableOptions): void {
  if (!hasMethods('safeParse')(schema)) throw mismatch('schema', 'a zod schema', schema);
  for (const name of Object.keys(options)) if (!KNOWN.includes(name)) throw unknownKeyError('', name, KNOWN);
  const { name, ttlMs, tags, cache } = options;
  const wrong = expectText(name);
  if (wrong !== undefined) throw mismatch('name', wrong, name);
  checkSetOptions({ ttlMs, tags });
  if (cache !== undefined && !hasMethods('getOrCompute', 'getAs')(cache)) {
    throw mismatch('cache', 'a ResponseCache', cache);
  }
}
