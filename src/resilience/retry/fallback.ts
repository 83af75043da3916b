import { type FailureClass, failureClassOf } from './failure-class.js';

/** Failures after which another agent is asked, unless `on` says otherwise: those that it need not share. */
export const FALLBACK_CLASSES: readonly FailureClass[] = [
  'rate-limited',
  'overloaded',
  'server',
  'network',
  'timeout',
  'circuit-open',
];

/** A call that is over stays over, whatever the options say. */
const NEVER: ReadonlySet<FailureClass> = new Set(['cancelled', 'deadline']);

/** How a call moves on to other agents. */
export interface FallbackRules<Target> {
  /** Failures after which the next one is asked. @default FALLBACK_CLASSES */
  readonly on?: readonly FailureClass[] | undefined;
  /** Why it is not worth asking at all, such as an open breaker; the last one is asked in any case. */
  refusalOf?(target: Target): Error | undefined;
  /** Whether part of the answer has been given out: then nobody else can answer. */
  hasStarted?(): boolean;
  /** Told of every move, also away from a first target that was not worth asking. */
  onFallback?(from: Target, to: Target, error: Error): void;
}

/** Whether another agent may be asked after this error. */
export function canFallBack(error: unknown, on: readonly FailureClass[] = FALLBACK_CLASSES): boolean {
  const failure = failureClassOf(error);
  return on.includes(failure) && !NEVER.has(failure);
}

/**
 * Asks the targets in order until one answers. Moves on only after failures named in `on` and before the answer has
 * started. Targets that are not available are skipped as long as another one is left.
 *
 * Rejects with the error of the last target that was asked; `onFallback` has seen the earlier ones.
 */
export async function runWithFallbacks<Target, T>(
  targets: readonly [Target, ...Target[]],
  run: (target: Target, index: number) => Promise<T>,
  rules: FallbackRules<Target> = {},
): Promise<T> {
  let index = firstAvailable(targets, 0, rules);
  if (index > 0) {
    const refusal = rules.refusalOf?.(targets[0]);
    if (refusal !== undefined) rules.onFallback?.(targets[0], targets[index] as Target, refusal);
  }
  for (;;) {
    const target = targets[index] as Target;
    try {
      return await run(target, index);
    } catch (thrown) {
      const isLast = index === targets.length - 1;
      if (isLast || rules.hasStarted?.() === true || !canFallBack(thrown, rules.on)) throw thrown;
      index = firstAvailable(targets, index + 1, rules);
      rules.onFallback?.(target, targets[index] as Target, thrown as Error);
    }
  }
}

function firstAvailable<Target>(
  targets: readonly Target[],
  from: number,
  rules: FallbackRules<Target>,
): number {
  const last = targets.length - 1;
  let index = from;
  while (index < last && rules.refusalOf?.(targets[index] as Target) !== undefined) index += 1;
  return index;
}
