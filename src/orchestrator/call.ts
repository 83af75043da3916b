import type { AgentDefinition } from '../contracts/agent.js';
import type { CallOptions } from '../contracts/call.js';
import { CancelledError } from '../errors/execution-errors.js';
import { CancelScope } from '../time/cancel-scope.js';
import type { TimerHandle } from '../time/clock.js';
import type { SignalMember } from '../time/signal-hub.js';
import type { CallParts } from './call-parts.js';
import type { CallSettings } from './options.js';
import type { RegisteredAgent } from './registered-agent.js';
import type { StreamSink } from './stream-sink.js';

/** Told when a call of a run starts or stops waiting for its next attempt, so that the run can read on meanwhile. */
export interface BackoffObserver {
  backoffStarted(): void;
  backoffEnded(): void;
}

/**
 * One call on its way: what was asked, the settings it runs under and what has happened to it. Cancelling it
 * ends whatever stage it is in; the first reason wins.
 */
export class Call extends CancelScope implements SignalMember {
  readonly parts: CallParts;
  readonly registered: RegisteredAgent;
  readonly task: string;
  readonly options: CallOptions | undefined;
  readonly settings: CallSettings;
  readonly submittedAtMs: number;
  /** Attempts started. */
  attempts = 0;
  queuedMs = 0;
  runMs = 0;
  firstTokenMs: number | undefined = undefined;
  deadlineTimer: TimerHandle | undefined = undefined;
  /** Where the events of a streamed call go. */
  sink: StreamSink | undefined = undefined;
  observer: BackoffObserver | undefined = undefined;
  #callId: string | undefined = undefined;

  constructor(
    parts: CallParts,
    registered: RegisteredAgent,
    task: string,
    options: CallOptions | undefined,
    settings: CallSettings,
  ) {
    super();
    this.parts = parts;
    this.registered = registered;
    this.task = task;
    this.options = options;
    this.settings = settings;
    this.submittedAtMs = parts.clock.now();
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
