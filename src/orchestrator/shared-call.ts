import type { CallOutcome } from '../contracts/result.js';
import type { StreamEvent } from '../contracts/stream-event.js';
import { shareOutcome } from './build-result.js';
import { Call, type CallRequest } from './call.js';
import { countSpending } from './call-events.js';
import { startCall } from './run-call.js';
import { failCall, settleCall } from './settle-call.js';
import { SharedStream } from './shared-stream.js';
import type { StreamSink } from './stream-sink.js';

/** Told when the work is done; the events are there if it was streamed. */
export type SharedSettled = (outcome: CallOutcome, events: readonly StreamEvent[] | undefined) => void;

/** A call that waits for the shared one, and whether the events meant for it have been handed over. */
interface Waiter {
  readonly call: Call;
  readonly delivered: Promise<void> | undefined;
}

/**
 * The work behind identical calls: it is made once, whoever asks. Each caller waits for it with its own signal
 * and deadline; leaving leaves the work to the others, and the last one to leave ends it.
 */
export class SharedCall extends Call {
  /** Who asked first: events of its attempts carry that call's id. */
  readonly #leaderId: string;
  // In order of arrival: the first pays.
  readonly #waiters = new Set<Waiter>();
  readonly #onSettled: SharedSettled;
  readonly #stream: SharedStream | undefined;
  /** Goes on although nobody waits: it renews an answer that was served stale. */
  readonly #isBackground: boolean;
  #isSetAside = false;
  #isSettled = false;

  constructor(leader: Call, isBackground: boolean, onSettled: SharedSettled) {
    super(requestOf(leader));
    this.#leaderId = leader.callId;
    this.#isBackground = isBackground;
    this.#onSettled = onSettled;
    this.#stream = leader.sink === undefined || isBackground ? undefined : new SharedStream();
  }

  override get callId(): string {
    return this.#leaderId;
  }

  override get sink(): StreamSink | undefined {
    return this.#stream;
  }

  /** Whether another call may still wait for it. */
  get isJoinable(): boolean {
    return !this.#isSettled && this.reason === undefined;
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

  /** Lets a call wait for the outcome. */
  join(call: Call): void {
    const waiter: Waiter = { call, delivered: this.#stream && call.deliver(this.#stream.subscribe()) };
    // Somebody has to take the events, else the agent is held back for ever.
    if (this.#stream !== undefined && waiter.delivered === undefined) this.#stream.drain();
    this.#waiters.add(waiter);
    call.attempts = this.attempts;
    if (this.#isSetAside) call.setAside();
    call.stage = { cancel: (reason) => this.#leave(waiter, reason) };
  }

  start(): Promise<void> | undefined {
    return startCall(this);
  }

  withdrawn(reason: Error): void {
    failCall(this, reason);
  }

  override setAside(): void {
    this.#isSetAside = true;
    for (const { call } of this.#waiters) call.setAside();
  }

  override takenUp(): void {
    this.#isSetAside = false;
    for (const { call } of this.#waiters) call.takenUp();
  }

  override attemptStarted(queuedMs: number): void {
    super.attemptStarted(queuedMs);
    for (const { call } of this.#waiters) call.attempts = this.attempts;
  }

  settle(outcome: CallOutcome): void {
    this.#isSettled = true;
    this.#onSettled(outcome, this.#stream?.events);
    this.#stream?.end(outcome.success ? undefined : outcome.error);
    if (this.#waiters.size === 0) countSpending(this, outcome);
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    // Whoever has waited longest pays for the answer; the others share it.
    for (const [position, waiter] of waiters.entries()) this.#settleWaiter(waiter, outcome, position === 0);
  }

  #leave(waiter: Waiter, reason: Error): void {
    this.#waiters.delete(waiter);
    waiter.call.stage = undefined;
    failCall(waiter.call, reason);
    if (this.#waiters.size > 0 || this.#isBackground || this.#isSettled) return;
    this.cancelBecause('everybody who waited for it has left', reason);
  }

  #settleWaiter({ call, delivered }: Waiter, outcome: CallOutcome, isPayer: boolean): void {
    call.queuedMs = this.queuedMs;
    call.runMs = this.runMs;
    call.firstTokenMs = this.firstTokenMs;
    call.stage = { cancel: (reason) => failCall(call, reason) };
    const settle = (): void => {
      if (call.reason !== undefined) return;
      call.stage = undefined;
      settleCall(call, shareOutcome(call, outcome, isPayer));
    };
    // A failure need not wait for a slow reader; an answer comes after its last event.
    if (delivered === undefined || !outcome.success) settle();
    else void delivered.then(settle);
  }
}

/** What the work is made from: what was asked, without what is the caller's own business. */
function requestOf({ registered, task, options, settings }: Call): CallRequest {
  const { signal, metadata, deadlineMs, cache, ...shared } = options ?? {};
  return { registered, task, options: shared, settings: { ...settings, deadlineMs: undefined } };
}
