import { InvalidArgumentError } from '../errors/input-errors.js';
import { canonicalJson } from '../hashing/canonical-json.js';
import { unknownKeyError } from '../input/unknown-key.js';
import type { CacheRequest } from './cache-key.js';
import { ResponseCache } from './response-cache.js';
import type { KeyvLike } from './tiers/keyv-tier.js';

/** Settings of {@link cached}. */
export interface CachedOptions<Arguments extends unknown[]> {
  /** How long a result stays fresh, in milliseconds. @default the cache's `ttlMs` */
  ttlMs?: number | undefined;
  /** Derives what identifies a call from its arguments; must return a JSON value. @default all arguments */
  key?: ((...args: Arguments) => unknown) | undefined;
  /** Labels for `deleteByTag` on the cache. @default [] */
  tags?: readonly string[] | undefined;
  /** What the function is called in the cache. Needed where results outlive the process. @default the function's name */
  name?: string | undefined;
  /** A Keyv instance to keep results in; this or `cache`. */
  store?: KeyvLike | undefined;
  /** A cache to keep results in; this or `store`. @default a cache of its own, in memory */
  cache?: ResponseCache | undefined;
}

/** A function whose results are cached. */
export interface CachedFunction<Arguments extends unknown[], Result> {
  /** The stored result for these arguments, or the function's. */
  (...args: Arguments): Promise<Awaited<Result>>;
  /** Removes the result for these arguments; returns whether there was one. */
  invalidate(...args: Arguments): Promise<boolean>;
  /** Removes all results of this function; returns how many. */
  clear(): Promise<number>;
  /** The cache that holds the results. */
  readonly cache: ResponseCache;
}

const KNOWN_OPTIONS = ['ttlMs', 'key', 'tags', 'name', 'store', 'cache'];

/**
 * Returns a function whose results are cached, including `undefined`, `null`, `false` and 0. Calls with the
 * same arguments at the same time run it once. What it throws is not cached. Each caller gets a copy of its own.
 *
 * Arguments and results must be JSON values; everything else is an error rather than a guess.
 *
 * @throws `InvalidArgumentError` for an unknown option, `store` together with `cache`, or a missing name. The
 * function itself rejects with it for arguments or results that are not JSON.
 */
export function cached<Arguments extends unknown[], Result>(
  fn: (...args: Arguments) => Result,
  options: CachedOptions<Arguments> = {},
): CachedFunction<Arguments, Result> {
  checkOptions(options);
  const cache = options.cache ?? new ResponseCache({ store: options.store });
  const agent = claimName(fn, options, cache);
  const { ttlMs, tags } = options;
  const requestOf = (args: Arguments): CacheRequest => ({ agent, task: identityOf(args, options.key) });

  const call = async (...args: Arguments): Promise<Awaited<Result>> => {
    const compute = async () => ({ output: toText(await fn(...args)) });
    const value = await cache.getOrCompute(requestOf(args), compute, { ttlMs, tags });
    return fromText(value.output) as Awaited<Result>;
  };
  return Object.assign(call, {
    invalidate: async (...args: Arguments) => await cache.delete(requestOf(args)),
    clear: async () => await cache.deleteAgent(agent),
    cache,
  });
}

function checkOptions(options: object): void {
  for (const name of Object.keys(options)) {
    if (!KNOWN_OPTIONS.includes(name)) throw unknownKeyError('', name, KNOWN_OPTIONS);
  }
  const { store, cache } = options as { store?: unknown; cache?: unknown };
  if (store === undefined || cache === undefined) return;
  throw new InvalidArgumentError('store', 'store: expected store or cache, not both.');
}

const claimed = new WeakMap<ResponseCache, Set<string>>();

/** The name under which the function's results are kept: no two functions share one in the same cache. */
function claimName(
  fn: { readonly name: string },
  { name, cache, store }: { name?: string | undefined; cache?: ResponseCache | undefined; store?: unknown },
  owner: ResponseCache,
): string {
  const names = claimed.get(owner) ?? new Set();
  claimed.set(owner, names);
  const wanted = name ?? fn.name;
  const outlivesProcess = store !== undefined || cache?.isPersistent === true;
  if (outlivesProcess && (wanted === '' || (name === undefined && names.has(wanted)))) {
    throw new InvalidArgumentError(
      'name',
      'name: expected a name of its own for this function, as its results outlive the process and must be found ' +
        `again under it; got ${wanted === '' ? 'none' : `"${wanted}", which another function has`}. Set the option "name".`,
    );
  }
  let unique = wanted;
  // A name that was given is the user's word that both are the same function.
  if (name === undefined) for (let count = 2; names.has(unique); count += 1) unique = `${wanted}#${count}`;
  names.add(unique);
  return `cached:${unique}`;
}

function identityOf<Arguments extends unknown[]>(
  args: Arguments,
  key: ((...args: Arguments) => unknown) | undefined,
): string {
  return key === undefined
    ? canonicalJson(withoutTrailingUndefined(args), 'arguments')
    : canonicalJson(key(...args), 'key');
}

/** f(1) and f(1, undefined) are the same call. */
export function withoutTrailingUndefined(args: readonly unknown[]): readonly unknown[] {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count -= 1;
  return args.slice(0, count);
}

const NOTHING = 'undefined';

function toText(result: unknown): string {
  if (result === undefined) return NOTHING;
  canonicalJson(result, 'result');
  return JSON.stringify(result);
}

function fromText(text: string): unknown {
  return text === NOTHING ? undefined : (JSON.parse(text) as unknown);
}
