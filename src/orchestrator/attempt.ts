import type { QueueLinks } from '../collections/priority-queue.js';
import type { AgentReply, AgentStreamReply } from '../contracts/agent.js';
import { TimeoutError } from '../errors/execution-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { classifyFailure } from '../resilience/classify-failure.js';
import type { PermitRequest } from '../resilience/concurrency-limit.js';
import { CancelScope } from '../time/cancel-scope.js';
import type { TimerHandle } from '../time/clock.js';
import { CallContext } from './agent-context.js';
import { AgentLane } from './agent-lane.js';
import type { Call } from './call.js';
import { publishAbandoned, publishAttemptEnd, publishAttemptStart } from './call-events.js';
import { consumeStream } from './consume-stream.js';
import { type Invocation, invokeAgent, isAsyncIterable, isPromiseLike } from './invoke-agent.js';

/** Makes one attempt of the call: waits for a permit, runs the agent under its timeout, gives its reply. */
export function runAttempt(call: Call): Promise<AgentReply> {
  return new Promise((resolve, reject) => new Attempt(call, resolve, reject).submit());
}

/**
 * One attempt. It ends twice: its caller is answered as soon as it has worked, failed, timed out or been
 * cancelled; its permit is freed only when the agent's work has settled, or was given up as abandoned.
 */
export class Attempt extends CancelScope implements PermitRequest {
  readonly call: Call;
  readonly priority: number;
  readonly queuedAtMs: number;
  links: QueueLinks | undefined = undefined;
  /** Which attempt of its call this is, from 1; 0 until it starts. */
  number = 0;
  readonly #resolve: (reply: AgentReply) => void;
  readonly #reject: (error: Error) => void;
  readonly #lane: AgentLane | undefined;
  #startedAtMs = 0;
  #answered = false;
  #timer: TimerHandle | undefined = undefined;
  #settled: Promise<void> | undefined = undefined;
  #freePermit: (() => void) | undefined = undefined;

  constructor(call: Call, resolve: (reply: AgentReply) => void, reject: (error: Error) => void) {
    super();
    this.call = call;
    this.priority = call.priority;
    this.#resolve = resolve;
    this.#reject = reject;
    this.queuedAtMs = call.attempts === 0 ? call.submittedAtMs : call.parts.clock.now();
    const { limit } = call.registered;
    this.#lane = limit === undefined ? undefined : new AgentLane(limit, call.parts.permits, this);
  }

  /** Since the attempt got its permit, in milliseconds. */
  get elapsedMs(): number {
    return this.call.parts.clock.now() - this.#startedAtMs;
  }

  /** Asks for a permit. */
  submit(): void {
    const { call } = this;
    if (call.reason !== undefined) {
      this.#reject(call.reason);
      return;
    }
    call.add(this);
    const queueMs = call.settings.timeouts?.queueMs;
    if (queueMs !== undefined) this.#startTimer(queueTimedOut, queueMs);
    if (this.#lane === undefined) call.parts.permits.submit(this);
    else this.#lane.submit();
    call.parts.overdue.isAwaited = call.parts.permits.waiting > 0;
  }

  /** Runs the agent; called with the permit, which is freed when the promise that comes back settles. */
  start(): Promise<void> | undefined {
    const freed = this.#answered ? undefined : this.#run();
    if (this.#lane === undefined) return freed;
    if (freed === undefined) this.#lane.leave();
    else void freed.then(() => this.#lane?.leave());
    return freed;
  }

  /** Ends the attempt from outside: its signal first, then the caller's answer. The permit stays until the work ends. */
  override cancel(reason: Error): void {
    if (this.#answered) return;
    super.cancel(reason);
    if (this.number === 0) this.#leaveQueue();
    this.#answer(reason as TuttiError);
    this.#reject(reason);
    if (this.#settled !== undefined) this.#outlast();
  }

  #run(): Promise<void> | undefined {
    this.#begin();
    let invocation: Invocation;
    try {
      invocation = invokeAgent(this.call, new CallContext(this.call, this));
    } catch (thrown) {
      this.#fail(thrown);
      return undefined;
    }
    if (isPromiseLike(invocation) || isAsyncIterable(invocation)) return this.#follow(invocation);
    this.#succeed(invocation);
    return undefined;
  }

  #begin(): void {
    const { call } = this;
    this.#stopTimer();
    this.#startedAtMs = call.parts.clock.now();
    const queuedMs = this.#startedAtMs - this.queuedAtMs;
    call.queuedMs += queuedMs;
    call.attempts += 1;
    this.number = call.attempts;
    publishAttemptStart(call, queuedMs);
  }

  /** Watches work that takes time. Resolves when its permit may be freed. */
  #follow(work: PromiseLike<AgentReply | AgentStreamReply> | AgentStreamReply): Promise<void> {
    this.#startTimer(attemptTimedOut, this.call.settings.timeoutMs);
    return new Promise((freePermit) => {
      this.#freePermit = freePermit;
      const fail = (thrown: unknown): void => {
        this.#fail(thrown);
        freePermit();
      };
      const finish = (reply: AgentReply | AgentStreamReply): Promise<void> | undefined => {
        if (isAsyncIterable(reply)) return consumeStream(reply, this).then(finish, fail);
        this.#succeed(reply);
        freePermit();
        return undefined;
      };
      this.#settled = isAsyncIterable(work) ? finish(work) : Promise.resolve(work).then(finish, fail);
      // What the agent did before it returned may have cancelled its own call.
      if (this.#answered) this.#outlast();
    });
  }

  #succeed(reply: AgentReply): void {
    if (this.#answered) return;
    this.#answer(undefined);
    this.#resolve(reply);
  }

  #fail(thrown: unknown): void {
    if (this.#answered) return;
    const { call } = this;
    const identity = { agent: call.agent, attempt: this.number };
    const error = classifyFailure(thrown, identity, call.parts.clock.epochMs(), call.parts.mayPass);
    this.#answer(error);
    this.#reject(error);
  }

  /** Books the end of the attempt as its caller sees it. */
  #answer(error: TuttiError | undefined): void {
    this.#answered = true;
    this.#stopTimer();
    const { call } = this;
    call.delete(this);
    if (this.number === 0) return;
    const runMs = this.elapsedMs;
    call.runMs += runMs;
    publishAttemptEnd(call, this.number, runMs, error);
  }

  #leaveQueue(): void {
    if (this.#lane === undefined) this.call.parts.permits.withdraw(this);
    else this.#lane.withdraw();
    const { overdue, permits } = this.call.parts;
    overdue.isAwaited = permits.waiting > 0;
  }

  /** Waits for work that was told to stop; gives it up, and its permit free, when it does not. */
  #outlast(): void {
    const { call } = this;
    void call.parts.overdue.outlast(this.#settled as Promise<void>).then((abandoned) => {
      if (!abandoned) return;
      this.#freePermit?.();
      publishAbandoned(call, this.number);
    });
  }

  #startTimer(timedOut: (attempt: Attempt) => void, timeoutMs: number): void {
    this.#timer = this.call.parts.clock.setTimeout(timedOut, timeoutMs, this);
  }

  #stopTimer(): void {
    if (this.#timer === undefined) return;
    this.call.parts.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

// Plain functions that get their attempt as an argument, so that a timer needs no closure.

function attemptTimedOut(attempt: Attempt): void {
  const { call, number } = attempt;
  attempt.cancel(
    new TimeoutError('attempt', call.settings.timeoutMs, { agent: call.agent, attempt: number }),
  );
}

function queueTimedOut(attempt: Attempt): void {
  const { call } = attempt;
  const queueMs = call.settings.timeouts?.queueMs as number;
  attempt.cancel(new TimeoutError('queue', queueMs, { agent: call.agent, attempt: call.attempts }));
}
