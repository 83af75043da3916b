import { checkAccepted } from '../content/accepted-content.js';
import { readTaskFiles } from '../content/read-task-files.js';
import type { AgentReply } from '../contracts/reply.js';
import { RetriesExhaustedError } from '../errors/execution-errors.js';
import { asError } from '../errors/foreign.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { backoffDelayMs } from '../resilience/retry/backoff.js';
import { classifyFailure } from '../resilience/retry/classify-failure.js';
import { retryAfterFailure } from '../resilience/retry/retry.js';
import { CancelScope } from '../time/cancel-scope.js';
import { sleep } from '../time/sleep.js';
import { checkedReply } from './attempts/checked-usage.js';
import type { Call } from './call.js';
import { runBefore } from './run-hooks.js';
import { failCall, settleReply } from './settle-call.js';

export { askedTask, runAfter } from './run-hooks.js';

/** Does what a call needs before it is looked up in the cache or queued, then `next`. It can be cancelled meanwhile. */
export function prepareCall(call: Call, next: (call: Call) => void): void {
  const scope = new CancelScope();
  call.stage = {
    cancel: (reason) => {
      scope.cancel(reason);
      failCall(call, reason);
    },
  };
  const goOn = (step: () => void): void => {
    if (call.reason !== undefined) return;
    call.stage = undefined;
    step();
  };
  prepare(call, scope).then(
    (reply) => goOn(() => (reply === undefined ? next(call) : settleReply(call, reply))),
    (error: unknown) => goOn(() => failCall(call, asError(error))),
  );
}

/** Runs hooks, then reads files; a reply if a hook has answered. */
async function prepare(call: Call, scope: CancelScope): Promise<AgentReply | undefined> {
  const { registered } = call;
  const reply = registered.hooks && (await runBefore(call, registered.hooks, scope));
  if (reply !== undefined) return checkedReply(reply, call, registered);
  await readFiles(call, scope);
  return undefined;
}

/** Reads the task's files once, for its key, its reservations and its attempts. */
async function readFiles(call: Call, scope: CancelScope): Promise<void> {
  const { task, definition } = call;
  if (typeof task === 'string') return;
  if (!task.isRead && needsFiles(call))
    await retryReading(call, () => readTaskFiles(task, scope.signal), scope);
  // Now, not after a wait for a permit.
  if (definition.provider !== undefined) checkAccepted(task, definition.provider);
}

/** A function reads what it needs itself. */
function needsFiles({ definition, fallbacks, options, services }: Call): boolean {
  if (definition.provider !== undefined || fallbacks.length > 0) return true;
  return services.cache !== undefined && (options?.cache ?? definition.cache) !== false;
}

/** Reads files, and tries again as often as an attempt of the call would be. */
export async function retryReading(
  { registered, settings }: Pick<Call, 'registered' | 'settings'>,
  read: () => Promise<void>,
  scope: CancelScope,
): Promise<void> {
  const { services, definition } = registered;
  const { clock, isTransient, options } = services;
  const agent = definition.name;
  const attempt = async (): Promise<void> => {
    try {
      await read();
    } catch (thrown) {
      throw classifyFailure(thrown, { agent, attempt: 0 }, clock.epochMs(), isTransient);
    }
  };
  const failure = await attempt().catch((error: TuttiError) => error);
  if (failure === undefined) return;
  await retryAfterFailure(attempt, failure, {
    maxRetries: settings.maxRetries,
    isRetryable: (error) => (error as TuttiError).retryable,
    backOff: (error, failed) => {
      const { retryAfterMs } = error as { retryAfterMs?: number };
      if (retryAfterMs !== undefined && retryAfterMs > options.retry.maxWaitMs) throw error;
      return sleep(backoffDelayMs(failed, options.retry, retryAfterMs), clock, scope);
    },
    exhausted: (errors) => new RetriesExhaustedError(agent, errors as TuttiError[]),
  });
}
