import type { AgentFailure, AgentResult, CallOutcome } from '../contracts/result.js';
import { subtractUsage, type Usage } from '../contracts/usage.js';
import type { ErrorCode } from '../errors/codes.js';
import { fieldOf } from '../errors/foreign.js';
import type { TuttiError } from '../errors/tutti-error.js';
import type { Call, Spending } from './call.js';
import type { CallServices } from './call-services.js';
import type { RegisteredAgent } from './registered-agent.js';

// What happens to calls, for the counters and the listeners. Payloads are built only for a listener.

/** Waiting longer than this for a permit is logged, in milliseconds; and no more often than this. */
const LONG_WAIT_MS = 5_000;

export function publishStart(call: Call): void {
  const { clock, counters, events } = call.services;
  counters.submitted += 1;
  call.registered.figures.submitted += 1;
  if (!events.wants('call:start')) return;
  const { agent, callId, definition, model, priority, tenant } = call;
  const taskChars = typeof call.task === 'string' ? call.task.length : call.task.textChars;
  const provider = definition.provider?.name;
  events.emit('call:start', {
    callId,
    agent,
    at: clock.epochMs(),
    taskChars,
    priority,
    tenant,
    model,
    provider,
  });
}

export function publishAttemptStart(call: Call, target: RegisteredAgent, queuedMs: number): void {
  const { clock, counters, events, recorder } = call.services;
  const { attempts } = call;
  recorder?.step({ kind: 'attempt-start', call, agent: target.definition.name, queuedMs });
  counters.attempts += 1;
  call.registered.figures.attempts += 1;
  if (attempts > 1) counters.retries += 1;
  if (queuedMs > LONG_WAIT_MS) logLongWait(call, queuedMs);
  if (!events.wants('attempt:start')) return;
  const { agent, callId, tenant } = call;
  const { name, provider } = target.definition;
  events.emit('attempt:start', {
    callId,
    agent,
    at: clock.epochMs(),
    attempt: attempts,
    queuedMs,
    target: name,
    model: call.modelOf(target),
    provider: provider?.name,
    tenant,
  });
}

/** When the latest such line was written, by orchestrator. */
const loggedAtMs = new WeakMap<CallServices, number>();

/** Many calls wait together: one line stands for those of the next seconds. A lane reports its own waits. */
function logLongWait({ agent, callId, registered, services }: Call, queuedMs: number): void {
  const { clock, logger, permits } = services;
  if (registered.hasTrafficControl) return;
  const nowMs = clock.now();
  if (nowMs - (loggedAtMs.get(services) ?? Number.NEGATIVE_INFINITY) < LONG_WAIT_MS) return;
  loggedAtMs.set(services, nowMs);
  const { maxConcurrent } = permits;
  logger.info(
    { agent, callId, queuedMs, waiting: services.waiting(), maxConcurrent },
    'calls wait for a permit',
  );
}

export function publishAttemptEnd(
  call: Call,
  attempt: number,
  runMs: number,
  error: TuttiError | undefined,
  usage: Partial<Usage> | undefined,
): void {
  const { clock, events, recorder } = call.services;
  recorder?.step({ kind: 'attempt-end', call, attempt, runMs, error });
  if (!events.wants('attempt:end')) return;
  const { agent, callId } = call;
  const at = clock.epochMs();
  const success = error === undefined;
  events.emit('attempt:end', { callId, agent, at, attempt, runMs, success, errorCode: error?.code, usage });
}

export function publishAbandoned(call: Call, attempt: number): void {
  const { clock, counters, events, logger, options } = call.services;
  counters.abandoned += 1;
  const { agent, callId } = call;
  const { abandonMs } = options;
  logger.warn(
    { agent, callId, attempt, abandonMs },
    'an attempt ignored its aborted signal and was abandoned',
  );
  if (events.wants('attempt:abandon')) {
    events.emit('attempt:abandon', { callId, agent, at: clock.epochMs(), attempt, abandonMs });
  }
}

export function publishEnd(call: Call, outcome: CallOutcome): void {
  count(call, outcome);
  if (!outcome.success) logFailure(call, outcome);
  const { clock, events, instruments, recorder, traffic } = call.services;
  recorder?.step({ kind: 'end', call, outcome });
  if (instruments.size > 0) {
    for (const { ending } of instruments) ending?.(call.callId, call.text, outcome);
  }
  if (!events.wants('call:end')) return;
  const { agent, callId, attempts, tenant } = call;
  const { success, timings } = outcome;
  const { usage, costUsd } = ownSpending(call, outcome);
  const cached = outcome.success ? outcome.cached : false;
  const target = call.answeredBy ?? call.registered;
  events.emit('call:end', {
    callId,
    agent,
    at: clock.epochMs(),
    success,
    cached,
    tier: cached === false || cached === 'shared' ? undefined : cached,
    model: outcome.success ? outcome.model : call.modelOf(target),
    lane: cached === false ? traffic.laneNameOf(call, target) : undefined,
    provider: target.definition.provider?.name,
    tenant,
    attempts,
    errorCode: outcome.success ? undefined : outcome.error.code,
    lastErrorCode: outcome.success ? undefined : lastCodeOf(outcome.error),
    finishReason: outcome.success ? outcome.finishReason : undefined,
    queuedMs: timings.queuedMs,
    runMs: timings.runMs,
    totalMs: timings.totalMs,
    firstTokenMs: timings.firstTokenMs,
    usage,
    costUsd,
    savedUsd: outcome.success ? outcome.savedUsd : undefined,
  });
}

/** A failed call in one line: ids and numbers, no message, which may quote a task. A cancelled one has not failed. */
function logFailure(call: Call, { error, timings }: AgentFailure): void {
  if (error.code === 'TUTTI_CANCELLED') return;
  const { agent, callId, attempts, tenant } = call;
  const { endedBecause } = error.details;
  const { totalMs } = timings;
  call.services.logger.error(
    { agent, callId, tenant, ...factsOf(error), endedBecause, attempts, totalMs },
    'a call failed',
  );
}

/** What a line of the log says of an error. */
export function factsOf(error: TuttiError): { code: string; lastCode?: string; status?: unknown } {
  const { code } = error;
  const last = code === 'TUTTI_RETRIES_EXHAUSTED' ? (error.cause as TuttiError) : error;
  const status = fieldOf(last, 'status');
  return {
    code,
    ...(last === error ? undefined : { lastCode: last.code }),
    ...(status === undefined ? undefined : { status }),
  };
}

function count(call: Call, outcome: CallOutcome): void {
  const { counters, errors } = call.services;
  const { figures } = call.registered;
  countSpending(call, outcome);
  figures.queuedMs += outcome.timings.queuedMs;
  figures.runMs += outcome.timings.runMs;
  if (outcome.success) {
    counters.succeeded += 1;
    figures.succeeded += 1;
    if (outcome.cached !== false) figures.cached += 1;
    else noteAnswer(call, outcome);
    return;
  }
  // A cancelled call is no failure and counts apart.
  const { code } = outcome.error;
  if (code === 'TUTTI_CANCELLED') {
    counters.cancelled += 1;
    figures.cancelled += 1;
  } else {
    counters.failed += 1;
    figures.failed += 1;
    errors.add(code);
  }
  if (lastCodeOf(outcome.error) === 'TUTTI_TIMEOUT') counters.timedOut += 1;
}

/** The code of what the last attempt failed with. */
function lastCodeOf({ code, cause }: TuttiError): ErrorCode {
  return code === 'TUTTI_RETRIES_EXHAUSTED' ? (cause as TuttiError).code : code;
}

function noteAnswer(call: Call, result: AgentResult): void {
  const { registered, services, task } = call;
  const taskChars = typeof task === 'string' ? task.length : task.textChars;
  registered.history?.add(call.model, taskChars, result, services.clock);
}

/** An answer that was computed for this call was paid for; what came from elsewhere was not paid again. */
export function countSpending(call: Call, outcome: CallOutcome): void {
  if (outcome.success && outcome.cached !== false) return;
  const own = ownSpending(call, outcome);
  addSpending(call.services.counters, own);
  addSpending(call.registered.figures, own);
}

/** What the call itself has spent: calls that its tools have made count their own part. */
function ownSpending({ ledger }: Call, { usage, costUsd }: CallOutcome): Spending & { usage: Usage } {
  const ofOthers = ledger?.ofOtherCalls;
  if (ofOthers === undefined) return { usage, costUsd };
  return {
    usage: { ...usage, ...subtractUsage(usage, ofOthers.usage) },
    costUsd: costUsd === undefined ? undefined : costUsd - (ofOthers.costUsd ?? 0),
  };
}

function addSpending(
  sums: { inputTokens: number; outputTokens: number; costUsd: number },
  { usage, costUsd }: Spending,
): void {
  sums.inputTokens += usage.inputTokens ?? 0;
  sums.outputTokens += usage.outputTokens ?? 0;
  sums.costUsd += costUsd ?? 0;
}
