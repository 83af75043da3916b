import type { TuttiError } from '../errors/tutti-error.js';
import type { Lane } from '../resilience/lane/lane.js';
import type { Call } from './call.js';
import { factsOf } from './call-events.js';

// What happens to calls behind their first attempt, or under traffic control. Payloads are built only for a listener.

export function publishRetry(call: Call, error: TuttiError, delayMs: number): void {
  const { clock, events, logger } = call.services;
  const { agent, callId, attempts } = call;
  logger.warn(
    { agent, callId, attempt: attempts, ...factsOf(error), delayMs },
    'an attempt failed; the call is tried again',
  );
  if (!events.wants('call:retry')) return;
  const at = clock.epochMs();
  events.emit('call:retry', { callId, agent, at, attempt: attempts, delayMs, errorCode: error.code });
}

/** The call begins to wait for its lane. */
export function publishWait(call: Call, lane: Lane, readyAtMs: number): void {
  const { clock, events, recorder } = call.services;
  recorder?.step({ kind: 'lane-wait', call, lane, readyAtMs });
  if (!events.wants('call:wait')) return;
  const { agent, callId } = call;
  const { reason = 'concurrency', untilMs } = lane.waitingFor ?? {};
  events.emit('call:wait', { callId, agent, at: clock.epochMs(), lane: lane.name, reason, untilMs });
}

/** The call begins to wait for what other calls have reserved in a budget. */
export function publishBudgetWait(call: Call, lane: string | undefined): void {
  const { clock, events, recorder } = call.services;
  recorder?.step({ kind: 'budget-wait', call });
  if (!events.wants('call:wait')) return;
  const { agent, callId } = call;
  const of = lane ?? `function/${agent}`;
  events.emit('call:wait', {
    callId,
    agent,
    at: clock.epochMs(),
    lane: of,
    reason: 'budget',
    untilMs: undefined,
  });
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
