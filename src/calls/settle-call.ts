import type { CallOutcome } from '../contracts/result.js';
import { TuttiError } from '../errors/tutti-error.js';
import { classifyFailure } from '../resilience/retry/classify-failure.js';
import type { Call } from './call.js';
import { buildFailure } from './call-result.js';

/** Settles a call that never started. */
export function failCall(call: Call, reason: Error): void {
  call.queuedMs = call.parts.clock.now() - call.queuedAtMs;
  // It may have been the last one that waited for work that hangs.
  call.parts.overdue.noteWaiting();
  settleCall(call, buildFailure(call, toTuttiError(call, reason)));
}

/** Ends the call: its timers and links go, and whoever made it gets the outcome. */
export function settleCall(call: Call, outcome: CallOutcome): void {
  if (call.queueTimer !== undefined) call.parts.clock.clearTimeout(call.queueTimer);
  call.settle(outcome);
}

/** Whatever ended the call, as an error of ours. */
export function toTuttiError(call: Call, thrown: unknown): TuttiError {
  if (TuttiError.isInstance(thrown)) return thrown;
  const { clock } = call.parts;
  return classifyFailure(thrown, { agent: call.agent, attempt: call.attempts }, clock.epochMs(), undefined);
}
