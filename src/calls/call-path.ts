import type { AgentReply } from '../contracts/reply.js';
import type { AgentResult, CallOutcome } from '../contracts/result.js';
import { TimeoutError } from '../errors/execution-errors.js';
import { asError } from '../errors/foreign.js';
import { QueueFullError } from '../errors/resilience-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { LazyModule } from '../lifecycle/lazy-module.js';
import { Attempt } from './attempts/attempt.js';
import { Call, type CallRequest } from './call.js';
import { publishStart } from './call-events.js';
import { closeCall, failCall, settleFailure, settleReply } from './settle-call.js';
import { hasTurns, turnsOf } from './turns.js';

// The path of one call, top to bottom: submit, queue, start, run, settle. The request was checked before
// (admission/call-admission). The cache may answer the call or have it wait for an identical one
// (cached/cached-calls). A failed attempt goes on in retries.ts; settle-call.ts ends the call.

/** What follows a failed attempt, and the attempts under traffic control: most calls of functions need none of it. */
export const retriesCode = new LazyModule(() => import('./retries.js'));

/** What happens to calls before they are looked up or queued; those with a plain string as their task and no hooks need nothing. */
export const preparationCode = new LazyModule(() => import('./prepare-call.js'));

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
    const isComplete = typeof this.task === 'string' && this.registered.isPlain;
    if (isComplete || !outcome.success) this.#end(outcome);
    else this.#settleResult(outcome);
  }

  #settleResult(result: AgentResult): void {
    const { task, definition, registered } = this;
    const { hooks } = registered;
    // It has been loaded for what came before the call.
    const code = hooks && preparationCode.loaded;
    if (hasTurns(task, definition)) result.messages = turnsOf(code?.askedTask(this) ?? task, result);
    if (hooks?.replaceResults === true)
      code?.runAfter(this, hooks, result, (replaced) => this.#end(replaced));
    else this.#end(result);
  }

  #end(outcome: CallOutcome): void {
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
  else if (loading !== undefined) awaitCode(call, loading, () => prepareOrGoOn(call));
  else prepareOrGoOn(call);
}

function prepareOrGoOn(call: Call): void {
  const { task, registered } = call;
  if (typeof task === 'string' && registered.hooks === undefined) answerOrQueue(call);
  else if (preparationCode.loaded !== undefined) preparationCode.loaded.prepareCall(call, answerOrQueue);
  else awaitCode(call, preparationCode.load(), ({ prepareCall }) => prepareCall(call, answerOrQueue));
}

function answerOrQueue(call: Call): void {
  if (call.services.cache?.take(call) !== true) queueCall(call);
}

/** Has the call wait for code that it needs and that is not loaded with the package; it can be cancelled meanwhile. */
function awaitCode<Code>(call: Call, loading: Promise<Code>, next: (code: Code) => void): void {
  const end = call.attempts === 0 ? failCall : settleFailure;
  if (call.reason !== undefined) {
    end(call, call.reason);
    return;
  }
  call.stage = { cancel: (reason) => end(call, reason) };
  const goOn = (step: () => void): void => {
    if (call.reason !== undefined) return;
    call.stage = undefined;
    step();
  };
  loading.then(
    (code) => goOn(() => next(code)),
    (error: unknown) => goOn(() => end(call, asError(error))),
  );
}

function withRetries(call: Call, next: (code: typeof import('./retries.js')) => void): void {
  if (retriesCode.loaded === undefined) awaitCode(call, retriesCode.load(), next);
  else next(retriesCode.loaded);
}

/** Queues the call, once its run lets it. */
export function queueCall(call: Call): void {
  const held = call.warmUp?.hold(call);
  if (held === undefined) enterQueue(call);
  else awaitWarmUp(call, held);
}

/** The call needs no permit while another one of its run goes first. */
function awaitWarmUp(call: Call, held: Promise<void>): void {
  call.setAside();
  call.stage = {
    cancel: (reason) => {
      call.takenUp();
      failCall(call, reason);
    },
  };
  void held.then(() => {
    if (call.reason !== undefined) return;
    call.stage = undefined;
    call.takenUp();
    enterQueue(call);
  });
}

/**
 * Without traffic control the call stands in the queue for its permit itself, as one object; with traffic control its
 * first attempt queues for it.
 */
function enterQueue(call: Call): void {
  const { services, settings, registered } = call;
  if (isOverflow(call)) {
    failCall(call, new QueueFullError(services.options.maxQueued));
    return;
  }
  if (registered.hasTrafficControl || call.runBudget !== undefined) {
    withRetries(call, ({ beginAttempts }) => beginAttempts(call));
    return;
  }
  services.recorder?.step({ kind: 'queued', call });
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
  const { traffic } = services;
  if (isFull || traffic.laneOf(call, registered)?.isSaturated === true) return true;
  return traffic.tenantLaneOf(call)?.isSaturated === true;
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
    const { call } = this;
    // Nothing follows the end of a cancelled call.
    if (call.reason === undefined) withRetries(call, ({ retryCall }) => retryCall(call, error));
    else settleFailure(call, error);
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
