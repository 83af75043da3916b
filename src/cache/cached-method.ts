import { InvalidArgumentError } from '../errors/input-errors.js';
import { unknownKeyError } from '../input/unknown-key.js';
import { cached, withoutTrailingUndefined } from './cached.js';
import type { ResponseCache } from './response-cache.js';
import type { KeyvLike } from './tiers/keyv-tier.js';

/** Settings of {@link cachedMethod}. */
export interface CachedMethodOptions<This = object, Arguments extends unknown[] = never> {
  /** How long a result stays fresh, in milliseconds. @default the cache's `ttlMs` */
  ttlMs?: number | undefined;
  /** Derives what identifies a call from its arguments; must return a JSON value. @default all arguments */
  key?: ((...args: Arguments) => unknown) | undefined;
  /**
   * Derives what identifies the object whose method is called; must return a JSON value. Needed where results outlive the
   * process.
   *
   * @default each object has results of its own
   */
  instanceKey?: ((instance: This) => unknown) | undefined;
  /** Labels for `deleteByTag` on the cache. @default [] */
  tags?: readonly string[] | undefined;
  /** What the method is called in the cache. Needed where results outlive the process. @default the method's name */
  name?: string | undefined;
  /** A Keyv instance to keep results in; this or `cache`. */
  store?: KeyvLike | undefined;
  /** A cache to keep results in; this or `store`. @default a cache of its own, in memory */
  cache?: ResponseCache | undefined;
}

/** An asynchronous method. */
export type AsyncMethod<This, Arguments extends unknown[], Result> = (
  this: This,
  ...args: Arguments
) => Promise<Result>;

/** Decorates an asynchronous method, with decorators as JavaScript has them and with `experimentalDecorators`. */
export interface CachedMethodDecorator<Arguments extends unknown[]> {
  <This extends object, Actual extends Arguments, Result>(
    method: AsyncMethod<This, Actual, Result>,
    context: ClassMethodDecoratorContext<This, AsyncMethod<This, Actual, Result>>,
  ): AsyncMethod<This, Actual, Result>;
  <Actual extends Arguments, Result>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<(...args: Actual) => Promise<Result>>,
  ): void;
}

/** One call of a decorated method. */
interface MethodCall {
  readonly instance: object;
  readonly args: readonly unknown[];
}

type AnyMethod = (this: object, ...args: unknown[]) => Promise<unknown>;

const KNOWN = ['ttlMs', 'key', 'instanceKey', 'tags', 'name', 'store', 'cache'];
/** For each decorated method, what removes a result of it. */
const invalidations = new WeakMap<object, (call: MethodCall) => Promise<boolean>>();

/**
 * A decorator that caches the results of an asynchronous method, as `cached` does for functions: `undefined`, `null`,
 * `false` and 0 too, once for calls at the same time, and nothing that is thrown. Each object has results of its own.
 *
 * @example
 * ```ts
 * class Library {
 *   @cachedMethod({ ttlMs: 60_000 })
 *   async title(id: number) {
 *     return (await fetch(`https://library.example/${id}`)).text();
 *   }
 * }
 * ```
 *
 * @throws `InvalidArgumentError` for an unknown option, `store` together with `cache`, and for results that outlive the
 * process without `name` and `instanceKey`.
 */
export function cachedMethod<This = object, Arguments extends unknown[] = unknown[]>(
  options: CachedMethodOptions<This, Arguments> = {},
): CachedMethodDecorator<Arguments> {
  for (const name of Object.keys(options)) if (!KNOWN.includes(name)) throw unknownKeyError('', name, KNOWN);
  const settings = options as CachedMethodOptions<object, unknown[]>;
  const decorate = (
    first: unknown,
    second: ClassMethodDecoratorContext | string | symbol,
    descriptor?: PropertyDescriptor,
  ): AnyMethod | undefined => {
    if (descriptor === undefined) {
      const { name, static: isStatic } = second as ClassMethodDecoratorContext;
      return cacheMethod(first as AnyMethod, String(name), isStatic, settings);
    }
    const isStatic = typeof first === 'function';
    descriptor.value = cacheMethod(descriptor.value as AnyMethod, String(second), isStatic, settings);
    return undefined;
  };
  return decorate as CachedMethodDecorator<Arguments>;
}

/**
 * Removes the result of a method that was decorated with {@link cachedMethod} for these arguments; returns whether there
 * was one.
 *
 * @throws `InvalidArgumentError` when the method is not so decorated.
 */
export async function invalidateMethod<Instance extends object, Name extends keyof Instance>(
  instance: Instance,
  method: Name,
  ...args: Instance[Name] extends (...args: infer Arguments) => unknown ? Arguments : never
): Promise<boolean> {
  const invalidate = invalidations.get(instance[method] as object);
  if (invalidate === undefined) {
    const message = `method: "${String(method)}" is not decorated with cachedMethod.`;
    throw new InvalidArgumentError('method', message);
  }
  return await invalidate({ instance, args });
}

function cacheMethod(
  method: AnyMethod,
  methodName: string,
  isStatic: boolean,
  options: CachedMethodOptions<object, unknown[]>,
): AnyMethod {
  const { key, instanceKey, ...rest } = options;
  checkLifetime(methodName, isStatic, options);
  const idOf = isStatic ? () => null : (instanceKey ?? numbering());
  const identityOf = ({ instance, args }: MethodCall): unknown => [
    idOf(instance),
    key === undefined ? withoutTrailingUndefined(args) : key(...args),
  ];
  const run = async ({ instance, args }: MethodCall) => await method.apply(instance, [...args]);
  const results = cached(run, { ...rest, name: options.name ?? uniqueName(methodName), key: identityOf });
  const decorated: AnyMethod = async function (...args) {
    return await results({ instance: this, args });
  };
  Object.defineProperty(decorated, 'name', { value: methodName });
  invalidations.set(decorated, (call) => results.invalidate(call));
  return decorated;
}

let decoratedMethods = 0;

/** Two methods may have the same name: their results must not meet in a cache. */
function uniqueName(methodName: string): string {
  decoratedMethods += 1;
  return `${methodName}#${decoratedMethods}`;
}

/** Numbers objects in the order in which their methods are called first. */
function numbering(): (instance: object) => number {
  const numbers = new WeakMap<object, number>();
  let count = 0;
  return (instance) => {
    let number = numbers.get(instance);
    if (number === undefined) {
      count += 1;
      number = count;
      numbers.set(instance, number);
    }
    return number;
  };
}

function checkLifetime(
  methodName: string,
  isStatic: boolean,
  { name, instanceKey, store, cache }: CachedMethodOptions<object, unknown[]>,
): void {
  if (store === undefined && cache?.isPersistent !== true) return;
  const missing =
    name === undefined ? 'name' : instanceKey === undefined && !isStatic ? 'instanceKey' : undefined;
  if (missing === undefined) return;
  throw new InvalidArgumentError(
    missing,
    `${missing}: expected with a cache that outlives the process, so that results of "${methodName}" are found again by ` +
      `the right ${missing === 'name' ? 'method' : 'objects'}; got none. Set the option "${missing}".`,
  );
}
