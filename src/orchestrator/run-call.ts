import type { AgentReply } from '../contracts/reply.js';
import type { CallOutcome } from '../contracts/result.js';
import { RetriesExhaustedError, TimeoutError } from '../errors/execution-errors.js';
import { asError } from '../errors/foreign.js';
import { TuttiError } from '../errors/tutti-error.js';
import { backoffDelayMs } from '../resilience/backoff.js';
import { classifyFailure } from '../resilience/classify-failure.js';
import { type RetryRules, retryAfterFailure } from '../resilience/retry.js';
import { sleep } from '../time/sleep.js';
import { Attempt } from './attempt.js';
import { buildFailure, buildResult } from './build-result.js';
import type { Call } from './call.js';
import { publishEnd, publishRetry, publishStart } from './call-events.js';
import { runRetry } from './retry-turn.js';

// The path of one call, top to bottom. It was checked before it was made (call-admission). Here it gets its
// deadline and signals and waits for a permit (submitCall), makes its attempts (startCall, runCall), and settles
// as a result or a failure (settleCall). Up to its permit a call is no more than one object in a queue.

/** Sets the call on its way. Whatever happens, it settles exactly once. */
export function submitCall(call: Call): void {
  const { parts, settings } = call;
  parts.calls.add(call);
  publishStart(call);
  if (settings.deadlineMs !== undefined) {
    call.deadlineTimer = parts.clock.setTimeout(passDeadline, settings.deadlineMs, call);
  }
  if (call.options?.signal !== undefined) parts.signals.link(call.options.signal, call);
  if (parts.options.signal !== undefined) parts.signals.link(parts.options.signal, call);
  if (call.reason === undefined) queueUp(call);
  else failCall(call, call.reason);
}

function queueUp(call: Call): void {
  const { parts, settings } = call;
  const queueMs = settings.timeouts?.queueMs;
  if (queueMs !== undefined) call.queueTimer = parts.clock.setTimeout(endQueueing, queueMs, call);
  call.registered.permits.submit(call);
  parts.overdue.noteWaiting();
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
  const attempt = new Attempt(call, clock.now() - call.queuedAtMs);
  void runCall(call, attempt);
  return attempt.run();
}

async function runCall(call: Call, first: Attempt): Promise<void> {
  let outcome: CallOutcome;
  try {
    outcome = buildResult(call, await answer(call, first));
  } catch (thrown) {
    outcome = buildFailure(call, toTuttiError(call, thrown));
  }
  settleCall(call, outcome);
}

/** Settles a call that never started. */
export function failCall(call: Call, reason: Error): void {
  call.queuedMs = call.parts.clock.now() - call.queuedAtMs;
  settleCall(call, buildFailure(call, toTuttiError(call, reason)));
}

function settleCall(call: Call, outcome: CallOutcome): void {
  const { parts } = call;
  if (call.deadlineTimer !== undefined) parts.clock.clearTimeout(call.deadlineTimer);
  if (call.queueTimer !== undefined) parts.clock.clearTimeout(call.queueTimer);
  if (call.options?.signal !== undefined) parts.signals.unlink(call.options.signal, call);
  if (parts.options.signal !== undefined) parts.signals.unlink(parts.options.signal, call);
  parts.calls.delete(call);
  publishEnd(call, outcome);
  call.settle(outcome);
}

/** The first attempt, and the others once it has failed: most calls never get that far. */
async function answer(call: Call, first: Attempt): Promise<AgentReply> {
  try {
    return await first.reply;
  } catch (failure) {
    return await retryAfterFailure(() => runRetry(call), asError(failure), retryRulesOf(call));
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
  const { clock, counters, options } = call.parts;
  const { retryAfterMs } = error as { retryAfterMs?: number };
  const delayMs = backoffDelayMs(failed, options.retry, retryAfterMs);
  const { deadlineMs } = call.settings;
  if (deadlineMs !== undefined && clock.now() + delayMs >= call.queuedAtMs + deadlineMs) {
    throw new TimeoutError('deadline', deadlineMs, { agent: call.agent, attempt: call.attempts }, error);
  }
  publishRetry(call, error, delayMs);
  counters.backingOff += 1;
  call.backoffStarted();
  try {
    await sleep(delayMs, clock, call);
  } finally {
    counters.backingOff -= 1;
    call.backoffEnded();
  }
}

// Plain functions that get their call as an argument, so that a timer needs no closure.

function passDeadline(call: Call): void {
  const deadlineMs = call.settings.deadlineMs as number;
  call.cancel(new TimeoutError('deadline', deadlineMs, { agent: call.agent, attempt: call.attempts }));
}

function endQueueing(call: Call): void {
  const queueMs = call.settings.timeouts?.queueMs as number;
  call.cancel(new TimeoutError('queue', queueMs, { agent: call.agent, attempt: call.attempts }));
}

/** Whatever ended the call, as an error of ours. */
function toTuttiError(call: Call, thrown: unknown): TuttiError {
  if (TuttiError.isInstance(thrown)) return thrown;
  const { clock } = call.parts;
  return classifyFailure(thrown, { agent: call.agent, attempt: call.attempts }, clock.epochMs(), undefined);
}
