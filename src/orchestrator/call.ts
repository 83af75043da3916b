import { QueueNode } from '../collections/priority-queue.js';
import type { AgentDefinition } from '../contracts/agent.js';
import type { CallOptions } from '../contracts/call.js';
import type { CallOutcome } from '../contracts/result.js';
import { CancelledError } from '../errors/execution-errors.js';
import type { InFlightNode } from '../lifecycle/in-flight.js';
import type { PermitRequest } from '../resilience/concurrency-limit.js';
import type { Cancellable } from '../time/cancel-scope.js';
import type { TimerHandle } from '../time/clock.js';
import type { SignalMember } from '../time/signal-hub.js';
import type { CallParts } from './call-parts.js';
import type { CallSettings } from './options.js';
import type { RegisteredAgent } from './registered-agent.js';
import type { StreamSink } from './stream-sink.js';

/** What {@link Call} is made of. */
export interface CallRequest {
  readonly registered: RegisteredAgent;
  readonly task: string;
  readonly options: CallOptions | undefined;
  readonly settings: CallSettings;
}

/**
 * One call on its way: what was asked, the settings it runs under and what has happened to it. It stands in the
 * queue for its first permit itself: a hundred thousand calls may wait, so a waiting call is this one object
 * and its caller's promise. Kinds of calls differ in what they do when they have settled.
 */
export abstract class Call extends QueueNode implements PermitRequest, InFlightNode, SignalMember {
  readonly registered: RegisteredAgent;
  readonly task: string;
  readonly options: CallOptions | undefined;
  readonly settings: CallSettings;
  /** When it was submitted, in milliseconds of the clock. */
  readonly queuedAtMs: number;
  /** Why it was cancelled; the first reason wins. */
  reason: Error | undefined = undefined;
  /** What has to be ended when the call is cancelled: an attempt, a backoff; nothing while it waits in the queue. */
  stage: Cancellable | undefined = undefined;
  deadlineTimer: TimerHandle | undefined = undefined;
  queueTimer: TimerHandle | undefined = undefined;
  /** Attempts started. */
  attempts = 0;
  queuedMs = 0;
  runMs = 0;
  firstTokenMs: number | undefined = undefined;
  addedBefore: InFlightNode | undefined = undefined;
  addedAfter: InFlightNode | undefined = undefined;
  #callId: string | undefined = undefined;

  constructor({ registered, task, options, settings }: CallRequest) {
    super();
    this.registered = registered;
    this.task = task;
    this.options = options;
    this.settings = settings;
    this.queuedAtMs = registered.parts.clock.now();
  }

  /** Runs the call; called with its first permit, which is freed when the promise that comes back settles. */
  abstract start(): Promise<void> | undefined;

  /** The call was cancelled while it waited for its first permit. */
  abstract withdrawn(reason: Error): void;

  /** Hands the outcome to whoever made the call. */
  abstract settle(outcome: CallOutcome): void;

  /** Where the events of a streamed call go. */
  get sink(): StreamSink | undefined {
    return undefined;
  }

  /** The call begins to wait for its next attempt. */
  backoffStarted(): void {}

  /** The call no longer waits for its next attempt. */
  backoffEnded(): void {}

  get parts(): CallParts {
    return this.registered.parts;
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
    return this.options?.tenant ?? this.parts.options.tenant;
  }

  get model(): string | undefined {
    return this.options?.model ?? this.registered.definition.model;
  }

  /** Made when first asked for: a call that waits among a million others needs none. */
  get callId(): string {
    this.#callId ??= this.parts.nextCallId();
    return this.#callId;
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
