import { expectFunction, mismatch } from '../../input/checks.js';
import { unknownKeyError } from '../../input/unknown-key.js';
import { failureClassOf } from './failure-class.js';

/** Settings of {@link withFallback}. */
export interface WithFallbackOptions {
  /** Which errors the fallback answers. @default all except cancellations and those of something that is closed */
  when?: ((error: unknown) => boolean) | undefined;
  /** Called with each error that the fallback answers, for logs. What it throws rejects the call. @default none */
  onFallback?: ((error: unknown) => void) | undefined;
}

/** What happened in a function with a fallback. */
export interface FallbackStats {
  /** Calls so far. */
  calls: number;
  /** Of those, the ones in which the function itself failed. */
  failures: number;
  /** Of the failures, the ones that the fallback answered. */
  fallbacks: number;
}

/** A function whose failures a fallback answers. */
export interface FallbackFunction<Arguments extends unknown[], Result> {
  /** The function's result, or the fallback. */
  (...args: Arguments): Promise<Result>;
  /** How often it failed and how often the fallback answered. */
  stats(): FallbackStats;
}

const CHECKS = { when: expectFunction, onFallback: expectFunction };

/**
 * Returns a function that answers with the fallback when `fn` fails: a value, or a function that computes one from the
 * error and the arguments. Failures are counted (`stats()`), so that a service that only ever answers with its fallback
 * does not look healthy. When computing the fallback fails too, the call rejects with that error.
 *
 * For agents use `fallbacks`, which also moves on to other models.
 *
 * @example
 * ```ts
 * const rates = withFallback(fetchRates, () => lastKnownRates, { onFallback: (error) => console.warn(error) });
 * ```
 *
 * @throws `InvalidArgumentError` for `fn` that is no function and for an unknown or invalid option.
 */
export function withFallback<Arguments extends unknown[], Result, Fallback>(
  fn: (...args: Arguments) => Result,
  fallback: Fallback | ((error: unknown, ...args: Arguments) => Fallback | Promise<Fallback>),
  options: WithFallbackOptions = {},
): FallbackFunction<Arguments, Awaited<Result> | Awaited<Fallback>> {
  checkArguments(fn, options);
  const { when = isNoCancellation, onFallback } = options;
  const stats: FallbackStats = { calls: 0, failures: 0, fallbacks: 0 };
  const call = async (...args: Arguments): Promise<Awaited<Result> | Awaited<Fallback>> => {
    stats.calls += 1;
    try {
      return await fn(...args);
    } catch (error) {
      stats.failures += 1;
      if (!when(error)) throw error;
      onFallback?.(error);
      const answer = await (isComputed(fallback) ? fallback(error, ...args) : fallback);
      stats.fallbacks += 1;
      return answer;
    }
  };
  return Object.assign(call, { stats: () => ({ ...stats }) });
}

function isComputed<Arguments extends unknown[], Fallback>(
  fallback: Fallback | ((error: unknown, ...args: Arguments) => Fallback | Promise<Fallback>),
): fallback is (error: unknown, ...args: Arguments) => Fallback | Promise<Fallback> {
  return typeof fallback === 'function';
}

/** A caller that has left gets no answer, and work that was aborted has not failed. */
function isNoCancellation(error: unknown): boolean {
  return (
    failureClassOf(error) !== 'cancelled' && (error as { name?: unknown } | undefined)?.name !== 'AbortError'
  );
}

function checkArguments(fn: unknown, options: object): void {
  const wrong = expectFunction(fn);
  if (wrong !== undefined) throw mismatch('fn', wrong, fn);
  for (const [name, value] of Object.entries(options)) {
    if (!(name in CHECKS)) throw unknownKeyError('', name, Object.keys(CHECKS));
    const problem = value === undefined ? undefined : CHECKS[name as keyof typeof CHECKS](value);
    if (problem !== undefined) throw mismatch(name, problem, value);
  }
}
