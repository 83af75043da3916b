import type { AgentReply } from '../contracts/agent.js';
import type { CallOutcome } from '../contracts/result.js';
import { RetriesExhaustedError, TimeoutError } from '../errors/execution-errors.js';
import { asError } from '../errors/foreign.js';
import { TuttiError } from '../errors/tutti-error.js';
import { backoffDelayMs } from '../resilience/backoff.js';
import { classifyFailure } from '../resilience/classify-failure.js';
import { type RetryRules, retryAfterFailure } from '../resilience/retry.js';
import { sleep } from '../time/sleep.js';
import { runAttempt } from './attempt.js';
import { buildFailure, buildResult } from './build-result.js';
import type { Call } from './call.js';
import { publishEnd, publishRetry, publishStart } from './call-events.js';

/**
 * The path of one call, top to bottom. The call was checked before it was made; here it gets its deadline and
 * signals, makes its attempts, and settles as a result or a failure. Never rejects.
 */
export async function runCall(call: Call): Promise<CallOutcome> {
  open(call);
  let outcome: CallOutcome;
  try {
    outcome = buildResult(call, await answer(call));
  } catch (thrown) {
    outcome = buildFailure(call, toTuttiError(call, thrown));
  }
  close(call);
  publishEnd(call, outcome);
  return outcome;
}

function open(call: Call): void {
  const { parts, settings } = call;
  parts.calls.add(call);
  publishStart(call);
  if (settings.deadlineMs !== undefined) {
    call.deadlineTimer = parts.clock.setTimeout(passDeadline, settings.deadlineMs, call);
  }
  if (call.options?.signal !== undefined) parts.signals.link(call.options.signal, call);
  if (parts.options.signal !== undefined) parts.signals.link(parts.options.signal, call);
}

function close(call: Call): void {
  const { parts } = call;
  if (call.deadlineTimer !== undefined) parts.clock.clearTimeout(call.deadlineTimer);
  if (call.options?.signal !== undefined) parts.signals.unlink(call.options.signal, call);
  if (parts.options.signal !== undefined) parts.signals.unlink(parts.options.signal, call);
  parts.calls.delete(call);
}

/** The first attempt, and the others once it has failed: most calls never get that far. */
async function answer(call: Call): Promise<AgentReply> {
  try {
    return await runAttempt(call);
  } catch (failure) {
    return await retryAfterFailure(() => runAttempt(call), asError(failure), retryRulesOf(call));
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
  if (deadlineMs !== undefined && clock.now() + delayMs >= call.submittedAtMs + deadlineMs) {
    throw new TimeoutError('deadline', deadlineMs, { agent: call.agent, attempt: call.attempts }, error);
  }
  publishRetry(call, error, delayMs);
  counters.backingOff += 1;
  call.observer?.backoffStarted();
  try {
    await sleep(delayMs, clock, call);
  } finally {
    counters.backingOff -= 1;
    call.observer?.backoffEnded();
  }
}

function passDeadline(call: Call): void {
  const deadlineMs = call.settings.deadlineMs as number;
  call.cancel(new TimeoutError('deadline', deadlineMs, { agent: call.agent, attempt: call.attempts }));
}

/** Whatever ended the call, as an error of ours. */
function toTuttiError(call: Call, thrown: unknown): TuttiError {
  if (TuttiError.isInstance(thrown)) return thrown;
  const { clock } = call.parts;
  return classifyFailure(thrown, { agent: call.agent, attempt: call.attempts }, clock.epochMs(), undefined);
}
