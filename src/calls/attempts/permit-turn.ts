import { QueueNode } from '../../collections/priority-queue.js';
import type { AgentReply } from '../../contracts/reply.js';
import { TimeoutError } from '../../errors/execution-errors.js';
import type { PermitRequest } from '../../resilience/permits/waiting-queue.js';
import type { Cancellable } from '../../time/cancel-scope.js';
import type { TimerHandle } from '../../time/clock.js';
import type { Call } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';
import { PromisedAttempt } from './attempt.js';

/** A place in the queue for an attempt other than a plain call's first. */
export abstract class PermitTurn extends QueueNode implements PermitRequest, Cancellable {
  readonly call: Call;
  /** Who answers: the call's agent, or one that it falls back to. */
  readonly target: RegisteredAgent;
  readonly priority: number;
  /** When it began to wait, for its lane too. */
  readonly queuedAtMs: number;
  readonly tenant: string | undefined;
  #timer: TimerHandle | undefined = undefined;
  #isOver = false;

  constructor(call: Call, target: RegisteredAgent) {
    super();
    this.call = call;
    this.target = target;
    this.priority = call.priority;
    this.tenant = call.tenant;
    this.queuedAtMs = call.parts.clock.now();
  }

  get agent(): string {
    return this.target.definition.name;
  }

  /** It has its permit, which is freed when the promise that comes back settles. */
  protected abstract granted(queuedMs: number): Promise<void> | undefined;

  /** It was ended while it waited. */
  protected abstract refused(reason: Error): void;

  /** Ends it in whatever stage it is. */
  abstract cancel(reason: Error): void;

  /** Has `timeouts.queueMs` end the wait. */
  protected limitWait(): void {
    const { settings, parts } = this.call;
    const queueMs = settings.timeouts?.queueMs;
    if (queueMs !== undefined) this.#timer = parts.clock.setTimeout(timeOut, queueMs, this);
  }

  /** Waits for the permit. */
  protected submit(): void {
    this.target.permits.submit(this);
    this.call.parts.overdue.noteWaiting();
  }

  start(): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    const { clock, overdue } = this.call.parts;
    this.endWait();
    overdue.noteWaiting();
    return this.granted(clock.now() - this.queuedAtMs);
  }

  /** Leaves the queue, if it still waits. */
  protected leave(reason: Error): void {
    if (this.#isOver) return;
    this.endWait();
    this.target.permits.withdraw(this);
    this.call.parts.overdue.noteWaiting();
    this.refused(reason);
  }

  /** The waiting is over. */
  protected endWait(): void {
    this.#isOver = true;
    if (this.#timer !== undefined) this.call.parts.clock.clearTimeout(this.#timer);
  }

  /** The wait's own limit has passed. */
  timeOut(): void {
    const { agent, attempts, settings } = this.call;
    const queueMs = settings.timeouts?.queueMs as number;
    this.cancel(new TimeoutError('queue', queueMs, { agent, attempt: attempts }));
  }
}

function timeOut(turn: PermitTurn): void {
  turn.timeOut();
}

/** Waits for a permit, then makes another attempt of a plain call. */
export function runInTurn(call: Call): Promise<AgentReply> {
  // Cancelled between the end of its backoff and here, when there was nothing to end.
  if (call.reason !== undefined) return Promise.reject(call.reason);
  return new Promise((resolve, reject) => new RetryTurn(call, resolve, reject).begin());
}

class RetryTurn extends PermitTurn {
  readonly #resolve: (reply: Promise<AgentReply>) => void;
  readonly #reject: (error: Error) => void;

  constructor(call: Call, resolve: (reply: Promise<AgentReply>) => void, reject: (error: Error) => void) {
    super(call, call.registered);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(): void {
    this.call.add(this);
    this.limitWait();
    this.submit();
  }

  cancel(reason: Error): void {
    this.leave(reason);
  }

  protected granted(queuedMs: number): Promise<void> | undefined {
    this.call.delete(this);
    const attempt = new PromisedAttempt(this.call, queuedMs);
    this.#resolve(attempt.reply);
    return attempt.run();
  }

  protected refused(reason: Error): void {
    this.call.delete(this);
    this.#reject(reason);
  }
}
