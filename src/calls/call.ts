import { QueueNode } from '../collections/priority-queue.js';
import type { PreparedContent } from '../content/prepared-content.js';
import type { AgentDefinition } from '../contracts/agent.js';
import type { CallOptions } from '../contracts/call.js';
import type { CallLedger } from '../contracts/call-ledger.js';
import type { CallOutcome } from '../contracts/result.js';
import type { StreamEvent } from '../contracts/stream-event.js';
import { addUsage, type Usage } from '../contracts/usage.js';
import { CancelledError } from '../errors/execution-errors.js';
import type { InFlightNode } from '../lifecycle/in-flight.js';
import type { Budget } from '../resilience/budget/budget.js';
import type { PermitRequest } from '../resilience/permits/waiting-queue.js';
import type { Cancellable } from '../time/cancel-scope.js';
import type { TimerHandle } from '../time/clock.js';
import type { SignalMember } from '../time/signal-hub.js';
import type { CancelPoint } from '../time/sleep.js';
import type { CallServices } from './call-services.js';
import type { CallSettings } from './call-settings.js';
import type { RegisteredAgent } from './registered-agent.js';
import type { StreamSink } from './stream-sink.js';

const NO_PARAMS: Readonly<Record<string, unknown>> = Object.freeze({});

/** Tokens and money. */
export interface Spending {
  readonly usage: Partial<Usage>;
  /** In US dollars; `undefined` where a part of it is unknown. */
  readonly costUsd: number | undefined;
}

/** Has calls that begin in the same way wait for the first of them, so that the provider has cached that beginning. */
export interface WarmUp {
  /** What the call waits for before it is queued; `undefined` if it need not wait. */
  hold(call: Call): Promise<void> | undefined;
  /** The provider has begun to answer the call. */
  answered(call: Call): void;
  /** The call has settled. */
  ended(call: Call): void;
}

/** The ledger of a call. */
export interface OwnLedger extends CallLedger {
  /** What its tools have spent in other calls, which count that themselves. */
  ofOtherCalls: Spending | undefined;
}

/** What {@link Call} is made of. */
export interface CallRequest {
  readonly registered: RegisteredAgent;
  /** A text, or a checked conversation, files and text. */
  readonly task: string | PreparedContent;
  readonly options: CallOptions | undefined;
  readonly settings: CallSettings;
  /** What the call has done in earlier processes, and where the rest is recorded; of a run with a `runId`. */
  readonly progress?: RecordedProgress | undefined;
}

/** What a call has done, as a journal keeps it. */
export type RecordedProgress = Omit<CallLedger, 'addSpent'>;

/**
 * One call on its way: what was asked, the settings it runs under and what has happened to it. It stands in the
 * queue for its first permit itself: a hundred thousand calls may wait, so a waiting call is this one object
 * and its caller's promise. Kinds of calls differ in what they do when they have settled.
 */
export abstract class Call
  extends QueueNode
  implements PermitRequest, InFlightNode, SignalMember, CancelPoint
{
  readonly registered: RegisteredAgent;
  // Only hooks replace these two, before the call is looked up or queued.
  task: string | PreparedContent;
  options: CallOptions | undefined;
  readonly settings: CallSettings;
  /** When it was submitted, in milliseconds of the clock. */
  readonly queuedAtMs: number;
  /** Why it was cancelled; the first reason wins. */
  reason: Error | undefined = undefined;
  /** What has to be ended when the call is cancelled: an attempt, a backoff; nothing while it waits in the queue. */
  stage: Cancellable | undefined = undefined;
  /** Who has answered, where that is not the call's own agent. */
  answeredBy: RegisteredAgent | undefined = undefined;
  deadlineTimer: TimerHandle | undefined = undefined;
  queueTimer: TimerHandle | undefined = undefined;
  /** Attempts started. */
  attempts = 0;
  queuedMs = 0;
  runMs = 0;
  firstTokenMs: number | undefined = undefined;
  /** What its attempts have finished, for those that follow or run beside them. */
  ledger: OwnLedger | undefined = undefined;
  /** What attempts have cost whose answer was of no use. */
  spent: Spending | undefined = undefined;
  addedBefore: InFlightNode | undefined = undefined;
  addedAfter: InFlightNode | undefined = undefined;
  /** 0 until the id is asked for. */
  #callNumber = 0;

  constructor({ registered, task, options, settings }: CallRequest) {
    super();
    this.registered = registered;
    this.task = task;
    this.options = options;
    this.settings = settings;
    this.queuedAtMs = registered.services.clock.now();
  }

  /** Runs the call; called with its first permit, which is freed when the promise that comes back settles. */
  abstract start(): Promise<void> | undefined;

  /** The call was cancelled while it waited for its first permit. */
  abstract withdrawn(reason: Error): void;

  /** The call has its outcome: ends what it had set up and hands the outcome to its caller. */
  abstract settle(outcome: CallOutcome): void;

  /** Where the events of a streamed call go. */
  get sink(): StreamSink | undefined {
    return undefined;
  }

  /** What the run that it belongs to may spend. */
  get runBudget(): Budget | undefined {
    return undefined;
  }

  /** What the first calls of its run wait for. */
  get warmUp(): WarmUp | undefined {
    return undefined;
  }

  /** What it has done in earlier processes, and where the rest is recorded. */
  get progress(): RecordedProgress | undefined {
    return undefined;
  }

  /** Agents that may answer in place of its own. */
  get fallbacks(): readonly RegisteredAgent[] {
    return this.registered.fallbacks();
  }

  /** Whether it may wait where `maxQueued` calls wait already: tasks of runs are few at a time and may. */
  get mayOverflow(): boolean {
    return false;
  }

  /** Longest time of the whole call, in milliseconds; what the next attempt's backoff has to fit in. */
  get deadlineMs(): number | undefined {
    return this.settings.deadlineMs;
  }

  /** Instant of the clock at which it is over at the latest, its run's end included. */
  get deadlineAtMs(): number | undefined {
    const { deadlineMs } = this;
    return deadlineMs === undefined ? undefined : this.queuedAtMs + deadlineMs;
  }

  /** The call needs no permit for a while: it waits for its next attempt or for the cache. */
  setAside(): void {}

  /** The call goes on after {@link Call.setAside}. */
  takenUp(): void {}

  /** Another attempt has got its permit, after `queuedMs` of waiting for it. */
  attemptStarted(queuedMs: number): void {
    this.attempts += 1;
    this.queuedMs += queuedMs;
  }

  /** Books what an attempt has cost whose answer is of no use. */
  addSpent(usage: Partial<Usage>, costUsd: number | undefined): void {
    const { spent } = this;
    if (spent === undefined) this.spent = { usage, costUsd };
    else this.spent = { usage: addUsage(spent.usage, usage), costUsd: addCosts(spent.costUsd, costUsd) };
  }

  /** An attempt was answered after `runMs`. */
  attemptEnded(runMs: number): void {
    this.runMs += runMs;
  }

  /**
   * Hands on events that another call's stream or the cache gives, as fast as the call's reader takes them.
   * A promise of their end, or nothing where the call has no use for events.
   */
  deliver(_events: Iterable<StreamEvent> | AsyncIterable<StreamEvent>): Promise<void> | undefined {
    return undefined;
  }

  get services(): CallServices {
    return this.registered.services;
  }

  /** The task's text; of a conversation, that of its last turn. */
  get text(): string {
    return typeof this.task === 'string' ? this.task : this.task.text;
  }

  get definition(): AgentDefinition {
    return this.registered.definition;
  }

  /** The agent's registered name. */
  get agent(): string {
    return this.registered.definition.name;
  }

  get priority(): number {
    return this.options?.priority ?? 0;
  }

  get tenant(): string | undefined {
    return this.options?.tenant ?? this.services.options.tenant;
  }

  get model(): string | undefined {
    return this.options?.model ?? this.registered.definition.model;
  }

  /** The parameters of `target`'s definition overlaid with the call's. */
  paramsOf(target: RegisteredAgent): Readonly<Record<string, unknown>> {
    const own = target.definition.params;
    const asked = this.options?.params;
    if (asked === undefined) return own ?? NO_PARAMS;
    return own === undefined ? asked : { ...own, ...asked };
  }

  /** The model that `target` is asked for; a model that the call names is its own agent's business. */
  modelOf(target: RegisteredAgent): string | undefined {
    return target === this.registered ? this.model : target.definition.model;
  }

  /** Made when first asked for: a call that waits among a million others needs none. */
  get callId(): string {
    const { callIds } = this.services;
    if (this.#callNumber === 0) this.#callNumber = callIds.next();
    return callIds.textOf(this.#callNumber);
  }

  /** The call enters a stage, which is cancelled with it. */
  add(stage: Cancellable): void {
    this.stage = stage;
  }

  /** The call has left a stage. */
  delete(stage: Cancellable): void {
    if (this.stage === stage) this.stage = undefined;
  }

  /** Ends the call in whatever stage it is. */
  cancel(reason: Error): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    if (this.stage !== undefined) this.stage.cancel(reason);
    else if (this.registered.permits.withdraw(this)) this.withdrawn(reason);
  }

  /** Cancels the call; `why` completes "Cancelled: …". */
  cancelBecause(why: string, ...cause: [unknown?]): void {
    if (this.reason !== undefined) return;
    const identity = { agent: this.agent, attempt: this.attempts };
    this.cancel(new CancelledError(identity, why, cause.length === 0 ? {} : { cause: cause[0] }));
  }

  signalAborted(reason: unknown): void {
    this.cancelBecause('its signal was aborted', reason);
  }
}

/** A sum of which one part is unknown is unknown. */
export function addCosts(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
