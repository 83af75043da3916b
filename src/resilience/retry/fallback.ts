import { type FailureClass, failureClassOf } from './failure-class.js';

/** Failures that may not affect another agent. A call that has ended, by its deadline for instance, is not among them. */
const FALLBACK_CLASSES: ReadonlySet<FailureClass> = new Set([
  'rate-limited',
  'overloaded',
  'server',
  'network',
  'timeout',
  'circuit-open',
]);

/** Whether another agent may answer a call that failed with this error. */
export function mayMoveOn(error: unknown): boolean {
  return FALLBACK_CLASSES.has(failureClassOf(error));
}

/** How a call moves on to other targets. */
export interface FallbackRules<Target> {
  /** Why a target is not worth trying, for instance an open breaker. The last one is tried regardless. */
  refusalOf?(target: Target): Error | undefined;
  /** Whether part of the answer has been delivered: then no other target can answer. */
  hasStarted?(): boolean;
  /** Called for each move to another target, also when the first target was skipped. */
  onFallback?(from: Target, to: Target, error: Error): void;
}

/**
 * Tries the targets in order until one answers. Moves on only after failures that may not affect the next target, and
 * before the answer has started. Skips targets that are not worth trying, except the last one.
 *
 * Rejects with the error of the last target that was tried; `onFallback` has received the earlier ones.
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
      if (isLast || rules.hasStarted?.() === true || !mayMoveOn(thrown)) throw thrown;
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
