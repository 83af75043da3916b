import type { ProviderResponseInfo } from '../../contracts/rate-limits.js';
import type { AgentReply, AgentReplyObject, AgentStreamReply } from '../../contracts/reply.js';
import type { Usage } from '../../contracts/usage.js';
import { TimeoutError } from '../../errors/execution-errors.js';
import type { TuttiError } from '../../errors/tutti-error.js';
import { LazyModule } from '../../lifecycle/lazy-module.js';
import { classifyFailure } from '../../resilience/retry/classify-failure.js';
import { CancelScope } from '../../time/cancel-scope.js';
import type { TimerHandle } from '../../time/clock.js';
import type { CancelPoint } from '../../time/sleep.js';
import type { Call } from '../call.js';
import { publishAbandoned, publishAttemptEnd, publishAttemptStart } from '../call-events.js';
import type { RegisteredAgent } from '../registered-agent.js';
import { checkedReply } from './checked-usage.js';
import { invokeAgent, isAsyncIterable, isPromiseLike } from './invoke-agent.js';
import { type Admission, priceOf, type RunningAttempt, type StreamClock } from './running-attempt.js';

/** Reads the streams of agents. */
export const streamCode = new LazyModule(() => import('./consume-stream.js'));

/**
 * One attempt of a call, from the moment it has its permit. It ends twice: its caller is answered as soon as it
 * has worked, failed, timed out or been cancelled (`reply`); its permit is freed only when the agent's work has
 * settled, or was counted as abandoned (what `run` returns).
 */
export abstract class Attempt extends CancelScope implements RunningAttempt {
  readonly call: Call;
  readonly target: RegisteredAgent;
  /** Which attempt of its call this is, from 1. */
  number = 0;
  usage: Partial<Usage> | undefined = undefined;
  streamClock: StreamClock | undefined = undefined;
  readonly #point: CancelPoint;
  readonly #queuedMs: number;
  #startedAtMs = 0;
  /** Requests that wait before they can be sent, and since when. */
  #waits = 0;
  #waitsSinceMs = 0;
  #isSent = false;
  #isAnswered = false;
  #timer: TimerHandle | undefined = undefined;
  #settled: Promise<void> | undefined = undefined;
  #freePermit: (() => void) | undefined = undefined;

  /**
   * @param queuedMs How long the call waited for this attempt's permit.
   * @param point What cancels the attempt.
   * @param target Who answers.
   */
  constructor(call: Call, queuedMs: number, point: CancelPoint, target: RegisteredAgent) {
    super();
    this.call = call;
    this.target = target;
    this.#point = point;
    this.#queuedMs = queuedMs;
  }

  /** The agent's reply is there. */
  protected abstract succeeded(reply: AgentReply): void;

  /** The attempt has failed, run out of time or been cancelled. */
  protected abstract failed(error: TuttiError): void;

  /** The agent runs next; the attempt fails with what this throws. */
  protected starting(): void {}

  get onSent(): (() => void) | undefined {
    return undefined;
  }

  get onResponse(): ((info: ProviderResponseInfo) => void) | undefined {
    return undefined;
  }

  /** How long it may take, in milliseconds: what the call asks for, else the setting of the agent that answers. */
  get timeoutMs(): number {
    const { call, target } = this;
    if (target === call.registered) return call.settings.timeoutMs;
    return call.options?.timeoutMs ?? target.settings.timeoutMs;
  }

  /** Since it got its permit, without what its requests waited before they could be sent, in milliseconds. */
  get elapsedMs(): number {
    const untilMs = this.#waits > 0 ? this.#waitsSinceMs : this.call.services.clock.now();
    return untilMs - this.#startedAtMs;
  }

  /** All timeouts stand still while a request waits for its client or a connection: that is one more queue. */
  get onWait(): () => () => void {
    return () => {
      if (this.#waits === 0) this.#pause();
      this.#waits += 1;
      let isWaiting = true;
      return () => {
        if (!isWaiting) return;
        isWaiting = false;
        this.#waits -= 1;
        if (this.#waits === 0) this.#resume();
      };
    };
  }

  /**
   * Its first request was written to its connection. Until then the process, its client and the network were busy with
   * other calls: the answer has the whole timeout from now on.
   */
  sent(): void {
    if (this.#isSent || this.#isAnswered || this.#waits > 0) return;
    this.#isSent = true;
    this.#bookWait(this.#startedAtMs);
    this.#stopTimer();
    this.#startTimer(this.timeoutMs);
    this.streamClock?.restart();
  }

  /** Runs the agent. The permit is free when the promise that comes back settles; at once without one. */
  run(): Promise<void> | undefined {
    this.#begin();
    const { instruments } = this.call.services;
    if (instruments.size === 0) return this.#work();
    const { callId } = this.call;
    let work = (): Promise<void> | undefined => this.#work();
    for (const instrument of instruments) {
      const inner = work;
      work = () => instrument.runAttempt(callId, this.number, inner);
    }
    return work();
  }

  #work(): Promise<void> | undefined {
    try {
      this.starting();
      const invocation = invokeAgent(this);
      // An answer may refuse even to say what it is, so this stands inside.
      if (isPromiseLike(invocation) || isAsyncIterable(invocation)) return this.#follow(invocation);
      this.#succeed(invocation);
    } catch (thrown) {
      this.#fail(thrown);
    }
    return undefined;
  }

  /** What it takes, beyond its permit, and has to wait for again after it has lent it; `undefined` for nothing. */
  get admission(): Admission | undefined {
    return undefined;
  }

  /** Frees its permit: it has ended, or waits for other calls. */
  lendPermit(): void {
    const free = this.#freePermit;
    this.#freePermit = undefined;
    free?.();
  }

  /** It has a permit again. */
  takePermit(free: () => void): void {
    if (this.#isAnswered) free();
    else this.#freePermit = free;
  }

  /** Ends the attempt from outside: its signal first, then the caller's answer. The permit stays until the work ends. */
  override cancel(reason: Error): void {
    if (this.#isAnswered) return;
    super.cancel(reason);
    this.#answer(reason as TuttiError);
    this.failed(reason as TuttiError);
    if (this.#settled !== undefined) this.#outlast(this.#settled);
  }

  #begin(): void {
    const { call } = this;
    this.#startedAtMs = call.services.clock.now();
    this.#point.add(this);
    call.attemptStarted(this.#queuedMs);
    this.number = call.attempts;
    publishAttemptStart(call, this.target, this.#queuedMs);
  }

  /** Watches work that takes time. */
  #follow(work: PromiseLike<AgentReply | AgentStreamReply> | AgentStreamReply): Promise<void> {
    // What the agent did before it returned may have ended the attempt already.
    if (!this.#isAnswered && this.#waits === 0 && this.#timer === undefined) this.#startTimer(this.timeoutMs);
    return new Promise((freePermit) => {
      this.#freePermit = freePermit;
      const fail = (thrown: unknown): void => {
        this.#fail(thrown);
        this.lendPermit();
      };
      const finish = (reply: AgentReply | AgentStreamReply): Promise<void> | undefined => {
        try {
          if (isAsyncIterable(reply)) return readStream(reply, this).then(finish, fail);
          // First the permit: the caller that is answered now finds it free.
          this.lendPermit();
          this.#succeed(reply);
        } catch (thrown) {
          fail(thrown);
        }
        return undefined;
      };
      this.#settled = Promise.resolve(work).then(finish, fail);
      if (this.#isAnswered) this.#outlast(this.#settled);
    });
  }

  #succeed(answer: AgentReply): void {
    if (this.#isAnswered) return;
    const reply = typeof answer === 'string' ? answer : checkedReply(answer, this.call, this.target);
    if (typeof reply === 'object') this.usage = reply?.usage ?? this.usage;
    this.#answer(undefined);
    this.succeeded(reply);
  }

  #fail(thrown: unknown): void {
    if (this.#isAnswered) return;
    const { call } = this;
    const identity = { agent: call.agent, attempt: this.number };
    const error = classifyFailure(thrown, identity, call.services.clock.epochMs(), call.services.isTransient);
    this.#answer(error);
    this.failed(error);
  }

  #pause(): void {
    this.#waitsSinceMs = this.call.services.clock.now();
    this.#stopTimer();
    this.streamClock?.pause();
  }

  #resume(): void {
    if (this.#isAnswered) return;
    this.#bookWait(this.#waitsSinceMs);
    this.#startTimer(this.timeoutMs - this.elapsedMs);
    this.streamClock?.resume();
  }

  /** What was waited counts as if the attempt had begun so much later. */
  #bookWait(sinceMs: number): void {
    const { call } = this;
    const waitedMs = call.services.clock.now() - sinceMs;
    this.#startedAtMs += waitedMs;
    call.queuedMs += waitedMs;
  }

  #startTimer(leftMs: number): void {
    this.#timer = this.call.services.clock.setTimeout(timeOut, leftMs, this);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.call.services.clock.clearTimeout(this.#timer);
  }

  /** Books the end of the attempt as its caller sees it. */
  #answer(error: TuttiError | undefined): void {
    this.#isAnswered = true;
    const { call } = this;
    this.#stopTimer();
    this.#point.delete(this);
    if (error !== undefined && this.usage !== undefined) call.addSpent(this.usage, priceOf(this, this.usage));
    if (this.#waits > 0) this.#bookWait(this.#waitsSinceMs);
    const runMs = call.services.clock.now() - this.#startedAtMs;
    call.attemptEnded(runMs);
    publishAttemptEnd(call, this.number, runMs, error, this.usage);
  }

  /** Waits for work that was asked to stop; abandons it and frees its permit when it does not. */
  #outlast(settled: Promise<void>): void {
    const { call, number } = this;
    void call.services.overdue.outlast(settled).then((isAbandoned) => {
      if (!isAbandoned) return;
      this.lendPermit();
      publishAbandoned(call, number);
    });
  }
}

// A plain function that gets its attempt as an argument, so that a timer needs no closure.
function timeOut(attempt: Attempt): void {
  const { call, number } = attempt;
  attempt.cancel(new TimeoutError('attempt', attempt.timeoutMs, { agent: call.agent, attempt: number }));
}

async function readStream(stream: AgentStreamReply, attempt: RunningAttempt): Promise<AgentReplyObject> {
  const { consumeStream } = streamCode.loaded ?? (await streamCode.load());
  return await consumeStream(stream, attempt);
}
