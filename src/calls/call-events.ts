import type { CallOutcome } from '../contracts/result.js';
import type { TuttiError } from '../errors/tutti-error.js';
import type { Lane } from '../resilience/lane/lane.js';
import type { Call } from './call.js';

// What happens to calls, told to the counters and to whoever listens. Payloads are built only for a listener.

export function publishStart(call: Call): void {
  const { clock, counters, events } = call.services;
  counters.submitted += 1;
  if (!events.wants('call:start')) return;
  const { agent, callId, priority, tenant } = call;
  const taskChars = typeof call.task === 'string' ? call.task.length : call.task.textChars;
  events.emit('call:start', { callId, agent, at: clock.epochMs(), taskChars, priority, tenant });
}

export function publishAttemptStart(call: Call, queuedMs: number): void {
  const { clock, counters, events } = call.services;
  const { attempts } = call;
  counters.attempts += 1;
  if (attempts > 1) counters.retries += 1;
  if (!events.wants('attempt:start')) return;
  const { agent, callId } = call;
  events.emit('attempt:start', { callId, agent, at: clock.epochMs(), attempt: attempts, queuedMs });
}

export function publishAttemptEnd(
  call: Call,
  attempt: number,
  runMs: number,
  error: TuttiError | undefined,
): void {
  const { clock, events } = call.services;
  if (!events.wants('attempt:end')) return;
  const { agent, callId } = call;
  const at = clock.epochMs();
  const success = error === undefined;
  events.emit('attempt:end', { callId, agent, at, attempt, runMs, success, errorCode: error?.code });
}

export function publishAbandoned(call: Call, attempt: number): void {
  const { clock, counters, events, logger, options } = call.services;
  counters.abandoned += 1;
  const { agent, callId } = call;
  const { abandonMs } = options;
  logger.warn(
    { agent, callId, attempt, abandonMs },
    'an attempt ignored its aborted signal and was given up',
  );
  if (events.wants('attempt:abandon')) {
    events.emit('attempt:abandon', { callId, agent, at: clock.epochMs(), attempt, abandonMs });
  }
}

export function publishRetry(call: Call, error: TuttiError, delayMs: number): void {
  const { clock, events } = call.services;
  if (!events.wants('call:retry')) return;
  const { agent, callId, attempts } = call;
  const at = clock.epochMs();
  events.emit('call:retry', { callId, agent, at, attempt: attempts, delayMs, errorCode: error.code });
}

/** The call begins to wait for its lane. */
export function publishWait(call: Call, lane: Lane): void {
  const { clock, events } = call.services;
  if (!events.wants('call:wait')) return;
  const { agent, callId } = call;
  const { reason = 'concurrency', untilMs } = lane.waitingFor ?? {};
  events.emit('call:wait', { callId, agent, at: clock.epochMs(), lane: lane.name, reason, untilMs });
}

export function publishFallback(call: Call, from: string, to: string, error: Error): void {
  const { clock, counters, events } = call.services;
  counters.fallbacks += 1;
  if (!events.wants('call:fallback')) return;
  const { agent, callId } = call;
  const { code } = error as TuttiError;
  events.emit('call:fallback', { callId, agent, at: clock.epochMs(), from, to, errorCode: code });
}

export function publishHedge(call: Call, afterMs: number): void {
  const { clock, counters, events } = call.services;
  counters.hedges += 1;
  if (!events.wants('call:hedge')) return;
  const { agent, callId } = call;
  events.emit('call:hedge', { callId, agent, at: clock.epochMs(), afterMs });
}

export function publishEnd(call: Call, outcome: CallOutcome): void {
  count(call, outcome);
  const { clock, events } = call.services;
  if (!events.wants('call:end')) return;
  const { agent, callId, attempts } = call;
  const { success, usage, costUsd, timings } = outcome;
  events.emit('call:end', {
    callId,
    agent,
    at: clock.epochMs(),
    success,
    cached: outcome.success ? outcome.cached : false,
    attempts,
    errorCode: outcome.success ? undefined : outcome.error.code,
    queuedMs: timings.queuedMs,
    runMs: timings.runMs,
    totalMs: timings.totalMs,
    usage,
    costUsd,
  });
}

function count(call: Call, outcome: CallOutcome): void {
  const { counters } = call.services;
  countSpending(call, outcome);
  if (outcome.success) {
    counters.succeeded += 1;
    return;
  }
  // A cancelled call is nobody's failure and counts apart.
  const { code, cause } = outcome.error;
  if (code === 'TUTTI_CANCELLED') counters.cancelled += 1;
  else counters.failed += 1;
  const last = code === 'TUTTI_RETRIES_EXHAUSTED' ? (cause as TuttiError).code : code;
  if (last === 'TUTTI_TIMEOUT') counters.timedOut += 1;
}

/** An answer that was computed for this call was paid for; what came from elsewhere was not paid again. */
export function countSpending(call: Call, outcome: CallOutcome): void {
  if (outcome.success && outcome.cached !== false) return;
  const { counters } = call.services;
  counters.inputTokens += outcome.usage.inputTokens;
  counters.outputTokens += outcome.usage.outputTokens;
  counters.costUsd += outcome.costUsd ?? 0;
}
