import type { AgentReply } from '../contracts/reply.js';
import type { CallOutcome } from '../contracts/result.js';
import { TuttiError } from '../errors/tutti-error.js';
import { classifyFailure } from '../resilience/retry/classify-failure.js';
import type { Call } from './call.js';
import { publishEnd } from './call-events.js';
import { buildFailure, buildResult } from './call-result.js';

// How calls end. Every call ends in `settleCall`, once.

/** Settles a call that never started. */
export function failCall(call: Call, reason: Error): void {
  call.queuedMs = call.services.clock.now() - call.queuedAtMs;
  // It may have been the last one that waited for work that hangs.
  call.services.overdue.noteWaiting();
  settleCall(call, buildFailure(call, toTuttiError(call, reason)));
}

/** Settles a call with its agent's reply: a failure if the reply is invalid. */
export function settleReply(call: Call, reply: AgentReply): void {
  let outcome: CallOutcome;
  try {
    outcome = buildResult(call, reply);
  } catch (invalid) {
    outcome = buildFailure(call, toTuttiError(call, invalid));
  }
  settleCall(call, outcome);
}

/** Settles a call that has failed for good. */
export function settleFailure(call: Call, thrown: unknown): void {
  // Refused while it waited, for its lane or its budget: it never started.
  if (call.attempts === 0) call.queuedMs = call.services.clock.now() - call.queuedAtMs;
  settleCall(call, buildFailure(call, toTuttiError(call, thrown)));
}

/** Ends the call and hands the outcome to its caller. */
export function settleCall(call: Call, outcome: CallOutcome): void {
  if (call.queueTimer !== undefined) call.services.clock.clearTimeout(call.queueTimer);
  call.warmUp?.ended(call);
  call.settle(outcome);
}

/** Removes what submitting a call has set up, and publishes its end. */
export function closeCall(call: Call, outcome: CallOutcome): void {
  const { services } = call;
  if (call.deadlineTimer !== undefined) services.clock.clearTimeout(call.deadlineTimer);
  if (call.options?.signal !== undefined) services.signals.unlink(call.options.signal, call);
  if (services.options.signal !== undefined) services.signals.unlink(services.options.signal, call);
  services.calls.delete(call);
  publishEnd(call, outcome);
}

/** The error that ended the call, as a `TuttiError`. */
export function toTuttiError(call: Call, thrown: unknown): TuttiError {
  if (TuttiError.isInstance(thrown)) return thrown;
  const { clock } = call.services;
  return classifyFailure(thrown, { agent: call.agent, attempt: call.attempts }, clock.epochMs(), undefined);
}
