import type { AgentReply } from '../contracts/reply.js';
import type { CallOutcome } from '../contracts/result.js';
import { RetriesExhaustedError, TimeoutError } from '../errors/execution-errors.js';
import { asError } from '../errors/foreign.js';
import { QueueFullError } from '../errors/resilience-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { backoffDelayMs } from '../resilience/retry/backoff.js';
import { type RetryRules, retryAfterFailure } from '../resilience/retry/retry.js';
import { PromisedAttempt } from './attempts/attempt.js';
import { runInTurn } from './attempts/permit-turn.js';
import type { Call } from './call.js';
import { publishRetry } from './call-events.js';
import { buildFailure, buildResult } from './call-result.js';
import { pauseCall } from './pause-call.js';
import { runGuardedCall } from './retries.js';
import { failCall, settleCall, toTuttiError } from './settle-call.js';

// The second half of a call's path, from the queue to its outcome; submit-call has the first. Up to its permit a
// call is no more than one object in a queue.

/** Has the call wait for its first permit; it is started with it. */
export function queueUp(call: Call): void {
  const { parts, settings } = call;
  if (isOverflow(call)) {
    failCall(call, new QueueFullError(parts.options.maxQueued));
    return;
  }
  if (call.registered.isGuarded || call.runBudget !== undefined) {
    runGuardedCall(call);
    return;
  }
  const queueMs = settings.timeouts?.queueMs;
  if (queueMs !== undefined) call.queueTimer = parts.clock.setTimeout(endQueueing, queueMs, call);
  call.registered.permits.submit(call);
  parts.overdue.noteWaiting();
}

function isOverflow(call: Call): boolean {
  const { mayOverflow, parts, registered } = call;
  if (mayOverflow) return false;
  const { isFull } = registered.permits;
  if (!isFull && !registered.isGuarded) return false;
  if (parts.waiting() + parts.traffic.waiting() < parts.options.maxQueued) return false;
  return isFull || isLaneSaturated(call);
}

function isLaneSaturated(call: Call): boolean {
  const { registered, parts } = call;
  return parts.traffic.laneOf(call, registered)?.isSaturated === true;
}

/** Runs the call under its first permit, which is freed when the promise that comes back settles. */
export function startCall(call: Call): Promise<void> | undefined {
  const { clock, overdue } = call.parts;
  overdue.noteWaiting();
  // Cancelled in the moment between getting the permit and starting.
  if (call.reason !== undefined) {
    failCall(call, call.reason);
    return undefined;
  }
  if (call.queueTimer !== undefined) clock.clearTimeout(call.queueTimer);
  const attempt = new PromisedAttempt(call, clock.now() - call.queuedAtMs);
  void runCall(call, attempt);
  return attempt.run();
}

async function runCall(call: Call, first: PromisedAttempt): Promise<void> {
  let outcome: CallOutcome;
  try {
    outcome = buildResult(call, await answer(call, first));
  } catch (thrown) {
    outcome = buildFailure(call, toTuttiError(call, thrown));
  }
  settleCall(call, outcome);
}

/** The first attempt, and the others once it has failed: most calls never get that far. */
async function answer(call: Call, first: PromisedAttempt): Promise<AgentReply> {
  try {
    return await first.reply;
  } catch (failure) {
    return await retryAfterFailure(() => runInTurn(call), asError(failure), retryRulesOf(call));
  }
}

function retryRulesOf(call: Call): RetryRules {
  return {
    maxRetries: call.settings.maxRetries,
    // Part of a stream that has been given out cannot be taken back by starting again.
    isRetryable: (error) => call.sink?.started !== true && (error as TuttiError).retryable,
    backOff: (error, failed) => backOff(call, error as TuttiError, failed),
    exhausted: (errors) => new RetriesExhaustedError(call.agent, errors as TuttiError[]),
  };
}

/** Waits before the next attempt, without a permit. Rejects when the call is cancelled or has no time left. */
async function backOff(call: Call, error: TuttiError, failed: number): Promise<void> {
  const { clock, options } = call.parts;
  const { retryAfterMs } = error as { retryAfterMs?: number };
  const delayMs = backoffDelayMs(failed, options.retry, retryAfterMs);
  const { deadlineMs } = call;
  if (deadlineMs !== undefined && clock.now() + delayMs >= call.queuedAtMs + deadlineMs) {
    throw new TimeoutError('deadline', deadlineMs, { agent: call.agent, attempt: call.attempts }, error);
  }
  publishRetry(call, error, delayMs);
  await pauseCall(call, delayMs);
}

// A plain function that gets its call as an argument, so that a timer needs no closure.
function endQueueing(call: Call): void {
  const queueMs = call.settings.timeouts?.queueMs as number;
  call.cancel(new TimeoutError('queue', queueMs, { agent: call.agent, attempt: call.attempts }));
}
