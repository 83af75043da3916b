import type { AgentReply } from '../contracts/reply.js';
import type { AgentResult, CallOutcome } from '../contracts/result.js';
import { TimeoutError } from '../errors/execution-errors.js';
import { asError } from '../errors/foreign.js';
import { QueueFullError } from '../errors/resilience-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { Attempt } from './attempts/attempt.js';
import { Call, type CallRequest } from './call.js';
import { publishStart } from './call-events.js';
import { beginAttempts, retryCall } from './retries.js';
import { closeCall, failCall, settleReply } from './settle-call.js';

// The path of one call, top to bottom: submit, queue, start, run, settle. The request was checked before
// (admission/call-admission). The cache may answer the call or have it wait for an identical one
// (cached/cached-calls). A failed attempt goes on in retries.ts; settle-call.ts ends the call.

/** Makes one call; rejects with its error when it fails. */
export function executeCall(request: CallRequest): Promise<AgentResult> {
  return new Promise((resolve) => submitCall(new SingleCall(request, resolve)));
}

/** A call with a caller who waits for its outcome. */
export abstract class SubmittedCall extends Call {
  start(): Promise<void> | undefined {
    return startCall(this);
  }

  withdrawn(reason: Error): void {
    failCall(this, reason);
  }

  settle(outcome: CallOutcome): void {
    closeCall(this, outcome);
    this.deliverOutcome(outcome);
  }

  /** Hands the outcome to the caller. */
  protected abstract deliverOutcome(outcome: CallOutcome): void;
}

class SingleCall extends SubmittedCall {
  // Only `resolve` is kept: the pair of functions would weigh as much again as half the waiting call.
  readonly #resolve: (outcome: AgentResult | Promise<never>) => void;

  constructor(request: CallRequest, resolve: (outcome: AgentResult | Promise<never>) => void) {
    super(request);
    this.#resolve = resolve;
  }

  protected deliverOutcome(outcome: CallOutcome): void {
    this.#resolve(outcome.success ? outcome : Promise.reject(outcome.error));
  }
}

/** Submits the call: its deadline starts, its signals are linked, and it is answered or queued. It settles exactly once. */
export function submitCall(call: Call): void {
  const { services, settings } = call;
  services.calls.add(call);
  publishStart(call);
  if (settings.deadlineMs !== undefined) {
    call.deadlineTimer = services.clock.setTimeout(passDeadline, settings.deadlineMs, call);
  }
  if (call.options?.signal !== undefined) services.signals.link(call.options.signal, call);
  if (services.options.signal !== undefined) services.signals.link(services.options.signal, call);
  const loading = call.registered.loadCode?.();
  if (call.reason !== undefined) failCall(call, call.reason);
  else if (loading !== undefined) awaitCode(call, loading);
  else answerOrQueue(call);
}

function answerOrQueue(call: Call): void {
  if (call.services.cache?.take(call) !== true) queueCall(call);
}

/** Has the call wait for code that its agent needs: its first calls may come before that is loaded. */
function awaitCode(call: Call, loading: Promise<unknown>): void {
  call.stage = { cancel: (reason) => failCall(call, reason) };
  const goOn = (next: () => void): void => {
    if (call.reason !== undefined) return;
    call.stage = undefined;
    next();
  };
  loading.then(
    () => goOn(() => answerOrQueue(call)),
    (error: unknown) => goOn(() => failCall(call, asError(error))),
  );
}

/**
 * Queues the call. Without traffic control it stands in the queue for its permit itself, as one object; with
 * traffic control its first attempt queues for it.
 */
export function queueCall(call: Call): void {
  const { services, settings, registered } = call;
  if (isOverflow(call)) {
    failCall(call, new QueueFullError(services.options.maxQueued));
    return;
  }
  if (registered.hasTrafficControl || call.runBudget !== undefined) {
    beginAttempts(call);
    return;
  }
  const queueMs = settings.timeouts?.queueMs;
  if (queueMs !== undefined) call.queueTimer = services.clock.setTimeout(passQueueLimit, queueMs, call);
  registered.permits.submit(call);
  services.overdue.noteWaiting();
}

function isOverflow(call: Call): boolean {
  const { mayOverflow, services, registered } = call;
  if (mayOverflow) return false;
  const { isFull } = registered.permits;
  if (!isFull && !registered.hasTrafficControl) return false;
  if (services.waiting() + services.traffic.waiting() < services.options.maxQueued) return false;
  return isFull || services.traffic.laneOf(call, registered)?.isSaturated === true;
}

/** Starts the first attempt under the permit that the call has just got; the permit is freed when the promise settles. */
export function startCall(call: Call): Promise<void> | undefined {
  const { clock, overdue } = call.services;
  overdue.noteWaiting();
  // Cancelled in the moment between getting the permit and starting.
  if (call.reason !== undefined) {
    failCall(call, call.reason);
    return undefined;
  }
  if (call.queueTimer !== undefined) clock.clearTimeout(call.queueTimer);
  return new FirstAttempt(call, clock.now() - call.queuedAtMs).run();
}

/** The first attempt of a call without traffic control. Most calls need no other. */
class FirstAttempt extends Attempt {
  /** @param queuedMs How long the call waited for its permit. */
  constructor(call: Call, queuedMs: number) {
    super(call, queuedMs, call, call.registered);
  }

  protected succeeded(reply: AgentReply): void {
    settleReply(this.call, reply);
  }

  protected failed(error: TuttiError): void {
    retryCall(this.call, error);
  }
}

// Plain functions that get their call as an argument, so that a timer needs no closure.

function passDeadline(call: Call): void {
  const deadlineMs = call.settings.deadlineMs as number;
  call.cancel(new TimeoutError('deadline', deadlineMs, { agent: call.agent, attempt: call.attempts }));
}

function passQueueLimit(call: Call): void {
  const queueMs = call.settings.timeouts?.queueMs as number;
  call.cancel(new TimeoutError('queue', queueMs, { agent: call.agent, attempt: call.attempts }));
}
