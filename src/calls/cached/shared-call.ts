import type { CallOutcome } from '../../contracts/result.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import { TimeoutError } from '../../errors/execution-errors.js';
import type { Budget } from '../../resilience/budget/budget.js';
import { Call, type CallRequest, type RecordedProgress, type WarmUp } from '../call.js';
import { countSpending } from '../call-events.js';
import { startCall } from '../call-path.js';
import { buildFailure, copyOutcome, shareOutcome } from '../call-result.js';
import { failCall, settleCall, toTuttiError } from '../settle-call.js';
import type { StreamSink } from '../stream-sink.js';
import { SharedStream } from './shared-stream.js';

/** Called when the work is done; the events are there if it was streamed. */
export type SharedSettled = (outcome: CallOutcome, events: readonly StreamEvent[] | undefined) => void;

/** A call that waits for the shared one. */
interface Waiter {
  readonly call: Call;
  /** Settles when the events meant for it have been handed over. */
  readonly delivered: Promise<void> | undefined;
  /** Whether its run knows that it needs no permit. */
  isSetAside: boolean;
}

/**
 * The work behind identical calls: it is made once, however many callers ask. Each caller waits for it with its own signal
 * and deadline; leaving leaves the work to the others, and the last one to leave ends it.
 */
export class SharedCall extends Call {
  /** Who asked first: events of its attempts carry that call's id. */
  readonly #leaderId: string;
  readonly #mayOverflow: boolean;
  // In order of arrival.
  readonly #waiters = new Set<Waiter>();
  readonly #onSettled: SharedSettled;
  readonly #stream: SharedStream | undefined;
  /** Goes on although no caller waits: it renews an answer that was served stale. */
  readonly #isBackground: boolean;
  /** Stands in its run for the permit that the work takes; the others need none. */
  #leader: Waiter | undefined = undefined;
  readonly #runBudget: Budget | undefined;
  readonly #warmUp: WarmUp | undefined;
  readonly #progress: RecordedProgress | undefined;
  #priority: number;
  #attemptStartedAtMs: number | undefined = undefined;
  #isSettled = false;
  #isPaid = false;

  constructor(leader: Call, isBackground: boolean, onSettled: SharedSettled) {
    super(requestOf(leader));
    this.#leaderId = leader.callId;
    this.#mayOverflow = leader.mayOverflow;
    this.#priority = leader.priority;
    this.#isBackground = isBackground;
    this.#runBudget = leader.runBudget;
    this.#warmUp = leader.warmUp;
    this.#progress = leader.progress;
    this.#onSettled = onSettled;
    this.#stream = leader.sink === undefined ? undefined : new SharedStream();
    // It has no reader, but a stream has to be renewed as a stream.
    if (isBackground) this.#stream?.drain();
  }

  override get callId(): string {
    return this.#leaderId;
  }

  override get sink(): StreamSink | undefined {
    return this.#stream;
  }

  override get mayOverflow(): boolean {
    return this.#mayOverflow;
  }

  /** The highest of those who wait or have waited. */
  override get priority(): number {
    return this.#priority;
  }

  /** Whether another call may still wait for it. */
  get isJoinable(): boolean {
    return !this.#isSettled && this.reason === undefined;
  }

  override get progress(): RecordedProgress | undefined {
    return this.#progress;
  }

  /** Its work is done for the run of the first caller. */
  override get runBudget(): Budget | undefined {
    return this.#runBudget;
  }

  override get warmUp(): WarmUp | undefined {
    return this.#warmUp;
  }

  /** A backoff has to fit into the longest deadline of those who wait. */
  override get deadlineMs(): number | undefined {
    let latestMs = 0;
    for (const { call } of this.#waiters) {
      if (call.deadlineMs === undefined) return undefined;
      latestMs = Math.max(latestMs, call.queuedAtMs + call.deadlineMs - this.queuedAtMs);
    }
    return latestMs === 0 ? undefined : latestMs;
  }

  override get deadlineAtMs(): number | undefined {
    let latestMs: number | undefined;
    for (const { call } of this.#waiters) {
      if (call.deadlineAtMs === undefined) return undefined;
      latestMs = Math.max(latestMs ?? 0, call.deadlineAtMs);
    }
    return latestMs;
  }

  /** Lets a call wait for the outcome. */
  join(call: Call): void {
    const delivered = this.#stream && call.deliver(this.#stream.subscribe());
    // The events have to be taken, else the agent is held back indefinitely.
    if (delivered === undefined) this.#stream?.drain();
    const waiter: Waiter = { call, delivered, isSetAside: false };
    const isLeader = this.#leader === undefined && !this.#isBackground;
    if (isLeader) this.#leader = waiter;
    this.#waiters.add(waiter);
    call.attempts = this.attempts;
    call.stage = { cancel: (reason) => this.#leave(waiter, reason) };
    if (call.priority > this.#priority) this.#raisePriority(call.priority);
    if (!isLeader) setAside(waiter);
  }

  start(): Promise<void> | undefined {
    return startCall(this);
  }

  withdrawn(reason: Error): void {
    failCall(this, reason);
  }

  override setAside(): void {
    if (this.#leader !== undefined) setAside(this.#leader);
  }

  override takenUp(): void {
    if (this.#leader !== undefined) takeUp(this.#leader);
  }

  override attemptStarted(queuedMs: number): void {
    super.attemptStarted(queuedMs);
    this.#attemptStartedAtMs = this.services.clock.now();
    for (const { call } of this.#waiters) call.attempts = this.attempts;
  }

  override attemptEnded(runMs: number): void {
    super.attemptEnded(runMs);
    this.#attemptStartedAtMs = undefined;
  }

  settle(outcome: CallOutcome): void {
    const { deadlineMs } = this;
    this.#isSettled = true;
    this.#onSettled(outcome, this.#stream?.events);
    this.#stream?.end(outcome.success ? undefined : outcome.error);
    if (this.#waiters.size === 0 && !this.#isPaid) publishUnclaimed(this, outcome);
    // Copied before the first caller has its own: what it does to its result must not show in another's.
    const waiters = Array.from(this.#waiters, (waiter, position) => ({
      waiter,
      outcome: position === 0 ? outcome : copyOutcome(outcome),
    }));
    for (const { waiter, outcome } of waiters) {
      this.#settleWaiter(waiter, withOwnDeadline(waiter.call, outcome, deadlineMs));
    }
  }

  /** Moves the work up in the queue: an urgent caller must not wait behind the first one. */
  #raisePriority(priority: number): void {
    const { permits } = this.registered;
    const isWaiting = permits.withdraw(this);
    this.#priority = priority;
    if (isWaiting) permits.submit(this);
  }

  #settleWaiter(waiter: Waiter, outcome: CallOutcome): void {
    const { call, delivered } = waiter;
    takeUp(waiter);
    const settle = (): void => {
      if (call.reason !== undefined) return;
      this.#waiters.delete(waiter);
      call.stage = undefined;
      call.answeredBy = this.answeredBy;
      call.ledger = this.ledger;
      this.#tellTimes(call);
      // The caller that is answered first pays for the answer; the others share it.
      const isPayer = !this.#isPaid;
      this.#isPaid = true;
      settleCall(call, shareOutcome(call, outcome, isPayer));
    };
    // A failure need not wait for a slow reader; an answer comes after its last event.
    if (delivered === undefined || !outcome.success) {
      settle();
      return;
    }
    call.stage = { cancel: (reason) => this.#leaveAnswered(waiter, reason, outcome) };
    void delivered.then(settle);
  }

  #leave(waiter: Waiter, reason: Error): void {
    this.#waiters.delete(waiter);
    if (this.#waiters.size === 0 && !this.#isBackground && !this.#isSettled) {
      this.cancelBecause('all callers who waited for it have left', reason);
      // What the work has cost until now is the last one's to tell.
      waiter.call.spent = this.spent;
      this.#isPaid = true;
    }
    this.#fail(waiter, reason);
  }

  /** A slow reader leaves although the answer is there; what it cost was spent even so. */
  #leaveAnswered(waiter: Waiter, reason: Error, outcome: CallOutcome): void {
    this.#fail(waiter, reason);
    if (this.#waiters.size > 0 || this.#isPaid) return;
    this.#isPaid = true;
    publishUnclaimed(this, outcome);
  }

  #fail(waiter: Waiter, reason: Error): void {
    const { call } = waiter;
    this.#waiters.delete(waiter);
    takeUp(waiter);
    call.stage = undefined;
    this.#tellTimes(call);
    settleCall(call, buildFailure(call, toTuttiError(call, reason)));
  }

  /** The work's times as far as the call was there to wait for them. */
  #tellTimes(call: Call): void {
    const nowMs = this.services.clock.now();
    const totalMs = nowMs - call.queuedAtMs;
    const runningMs = this.#attemptStartedAtMs === undefined ? 0 : nowMs - this.#attemptStartedAtMs;
    call.runMs = Math.min(this.runMs + runningMs, totalMs);
    call.queuedMs = this.attempts === 0 ? totalMs : Math.min(this.queuedMs, totalMs - call.runMs);
    call.firstTokenMs = this.firstTokenMs;
  }
}

function setAside(waiter: Waiter): void {
  if (waiter.isSetAside) return;
  waiter.isSetAside = true;
  waiter.call.setAside();
}

function takeUp(waiter: Waiter): void {
  if (!waiter.isSetAside) return;
  waiter.isSetAside = false;
  waiter.call.takenUp();
}

/** A backoff that fits into no caller's deadline ends the work; each caller's error names its own deadline. */
function withOwnDeadline(call: Call, outcome: CallOutcome, longestMs: number | undefined): CallOutcome {
  if (outcome.success || call.deadlineMs === undefined) return outcome;
  const { error } = outcome;
  const { scope, timeoutMs } = error as TimeoutError;
  if (error.code !== 'TUTTI_TIMEOUT' || scope !== 'deadline' || timeoutMs !== longestMs) return outcome;
  const identity = { agent: call.agent, attempt: call.attempts };
  return { ...outcome, error: new TimeoutError('deadline', call.deadlineMs, identity, error.cause) };
}

/** What the work is made from: what was asked, without what is the caller's own business. */
function requestOf({ registered, task, options, settings }: Call): CallRequest {
  const { signal, metadata, deadlineMs, cache, ...shared } = options ?? {};
  return { registered, task, options: shared, settings: { ...settings, deadlineMs: undefined } };
}

/** Work was paid for whose answer no call receives. */
function publishUnclaimed(call: Call, outcome: CallOutcome): void {
  countSpending(call, outcome);
  const { clock, events } = call.services;
  if (!events.wants('call:unclaimed')) return;
  const { agent, callId, tenant } = call;
  const { usage, costUsd } = outcome;
  const model = outcome.success ? outcome.model : call.modelOf(call.answeredBy ?? call.registered);
  events.emit('call:unclaimed', { callId, agent, at: clock.epochMs(), model, tenant, usage, costUsd });
}
