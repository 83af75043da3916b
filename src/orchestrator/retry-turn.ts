import { QueueNode } from '../collections/priority-queue.js';
import type { AgentReply } from '../contracts/reply.js';
import { TimeoutError } from '../errors/execution-errors.js';
import type { PermitRequest } from '../resilience/concurrency-limit.js';
import type { Cancellable } from '../time/cancel-scope.js';
import type { TimerHandle } from '../time/clock.js';
import { Attempt } from './attempt.js';
import type { Call } from './call.js';

/** Makes another attempt of a call: waits for a permit, then runs the agent. */
export function runRetry(call: Call): Promise<AgentReply> {
  return new Promise((resolve, reject) => new RetryTurn(call, resolve, reject).submit());
}

/** A call's place in the queue for an attempt after its first. */
class RetryTurn extends QueueNode implements PermitRequest, Cancellable {
  readonly priority: number;
  readonly queuedAtMs: number;
  readonly #call: Call;
  readonly #resolve: (reply: Promise<AgentReply>) => void;
  readonly #reject: (error: Error) => void;
  #timer: TimerHandle | undefined = undefined;
  #isOver = false;

  constructor(call: Call, resolve: (reply: Promise<AgentReply>) => void, reject: (error: Error) => void) {
    super();
    this.#call = call;
    this.priority = call.priority;
    this.queuedAtMs = call.parts.clock.now();
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(): void {
    const call = this.#call;
    call.stage = this;
    const queueMs = call.settings.timeouts?.queueMs;
    if (queueMs !== undefined) this.#timer = call.parts.clock.setTimeout(timeOut, queueMs, this);
    call.registered.permits.submit(this);
    call.parts.overdue.noteWaiting();
  }

  start(): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    this.#leave();
    this.#call.parts.overdue.noteWaiting();
    const attempt = new Attempt(this.#call, this.#call.parts.clock.now() - this.queuedAtMs);
    this.#resolve(attempt.reply);
    return attempt.run();
  }

  cancel(reason: Error): void {
    if (this.#isOver) return;
    this.#leave();
    this.#call.registered.permits.withdraw(this);
    this.#call.parts.overdue.noteWaiting();
    this.#reject(reason);
  }

  /** The wait's own limit has passed. */
  timeOut(): void {
    const { agent, attempts, settings } = this.#call;
    const queueMs = settings.timeouts?.queueMs as number;
    this.cancel(new TimeoutError('queue', queueMs, { agent, attempt: attempts }));
  }

  #leave(): void {
    this.#isOver = true;
    this.#call.stage = undefined;
    if (this.#timer !== undefined) this.#call.parts.clock.clearTimeout(this.#timer);
  }
}

function timeOut(turn: RetryTurn): void {
  turn.timeOut();
}
