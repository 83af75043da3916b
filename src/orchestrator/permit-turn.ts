import { QueueNode } from '../collections/priority-queue.js';
import type { AgentReply } from '../contracts/reply.js';
import { TimeoutError } from '../errors/execution-errors.js';
import type { PermitRequest } from '../resilience/waiting-line.js';
import type { Cancellable } from '../time/cancel-scope.js';
import type { TimerHandle } from '../time/clock.js';
import type { CancelPoint } from '../time/sleep.js';
import { Attempt } from './attempt.js';
import type { Call } from './call.js';
import type { RegisteredAgent } from './registered-agent.js';

/** How an attempt differs from a call's plain ones. */
export interface TurnOptions {
  /** What cancels it. */
  readonly point: CancelPoint;
  /** Who answers: the call's agent, or one that it falls back to. */
  readonly target: RegisteredAgent;
  /** When it began to wait, where it has waited for its lane before. @default now */
  readonly sinceMs?: number | undefined;
  /** Called with the permit, before the agent runs; the attempt fails with what it throws. */
  readonly beforeStart?: ((attempt: Attempt) => void) | undefined;
}

/** Waits for a permit, then makes an attempt. */
export function runInTurn(call: Call, options: TurnOptions): Promise<AgentReply> {
  // Cancelled between the end of its backoff and here, when there was nothing to end.
  const { reason } = options.point;
  if (reason !== undefined) return Promise.reject(reason);
  return new Promise((resolve, reject) => new PermitTurn(call, options, resolve, reject).submit());
}

/** A place in the queue for an attempt other than a plain call's first. */
class PermitTurn extends QueueNode implements PermitRequest, Cancellable {
  readonly priority: number;
  readonly queuedAtMs: number;
  readonly tenant: string | undefined;
  readonly agent: string;
  readonly #call: Call;
  readonly #options: TurnOptions;
  readonly #resolve: (reply: Promise<AgentReply>) => void;
  readonly #reject: (error: Error) => void;
  #timer: TimerHandle | undefined = undefined;
  #isOver = false;

  constructor(
    call: Call,
    options: TurnOptions,
    resolve: (reply: Promise<AgentReply>) => void,
    reject: (error: Error) => void,
  ) {
    super();
    this.#call = call;
    this.#options = options;
    this.priority = call.priority;
    this.tenant = call.tenant;
    this.agent = options.target.definition.name;
    this.queuedAtMs = options.sinceMs ?? call.parts.clock.now();
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(): void {
    const call = this.#call;
    this.#options.point.add(this);
    const queueMs = call.settings.timeouts?.queueMs;
    if (queueMs !== undefined) {
      const { clock } = call.parts;
      this.#timer = clock.setTimeout(timeOut, this.queuedAtMs + queueMs - clock.now(), this);
    }
    this.#options.target.permits.submit(this);
    call.parts.overdue.noteWaiting();
  }

  start(): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    this.#leave();
    const { clock, overdue } = this.#call.parts;
    overdue.noteWaiting();
    const { point, target, beforeStart } = this.#options;
    const attempt = new Attempt(this.#call, clock.now() - this.queuedAtMs, point, target);
    this.#resolve(attempt.reply);
    return attempt.run(beforeStart);
  }

  cancel(reason: Error): void {
    if (this.#isOver) return;
    this.#leave();
    this.#options.target.permits.withdraw(this);
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
    this.#options.point.delete(this);
    if (this.#timer !== undefined) this.#call.parts.clock.clearTimeout(this.#timer);
  }
}

function timeOut(turn: PermitTurn): void {
  turn.timeOut();
}
