import type { AgentContext, AgentFunction } from '../../src/contracts/agent.js';
import { type LoopTurn, loopTurn } from '../../src/lifecycle/loop-turn.js';
import type { Clock } from '../../src/time/clock.js';

/** An error as an HTTP client throws it. */
export function httpError(status: number, extra: Record<string, unknown> = {}): Error {
  return Object.assign(new Error(`HTTP ${status}`), { status, ...extra });
}

/** A promise with its two ends. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Counts for itself how many of it really run, whatever the orchestrator believes. */
export class RunCounter {
  now = 0;
  most = 0;
  started = 0;

  enter(): void {
    this.started += 1;
    this.now += 1;
    this.most = Math.max(this.most, this.now);
  }

  leave(): void {
    this.now -= 1;
  }

  /** The agent, counted from its start to its very end. */
  around(agent: (task: string, context: AgentContext) => Promise<string>): AgentFunction {
    return async (task, context) => {
      this.enter();
      try {
        return await agent(task, context);
      } finally {
        this.leave();
      }
    };
  }
}

/** Waits on the orchestrator's clock, deaf to every signal. */
export function wait(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(() => resolve(), ms, undefined);
  });
}

/** Waits on the orchestrator's clock; rejects with the signal's reason when it aborts. */
export function waitOrAbort(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clock.clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = clock.setTimeout(
      () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      },
      ms,
      undefined,
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Never settles and never looks at its signal. */
export const hang: AgentFunction = () => new Promise<string>(() => {});

/** Settles as soon as its signal aborts, never before. */
export const hangUntilAborted: AgentFunction = (_task, { signal }) =>
  new Promise<string>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });

/** Lets everything that can happen without time passing happen. */
export async function turn(): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (loopTurn.deferred > 0);
}

/** Keeps the processor busy until the turn of the event loop is over. */
export function burnTurn(loop: LoopTurn = loopTurn): void {
  while (!loop.isOver);
}

/** What the promise was rejected with; fails when it was not. */
// biome-ignore lint/suspicious/noExplicitAny: the test says what it has to be
export async function rejection(promise: Promise<unknown>): Promise<any> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, got ${JSON.stringify(value)}`);
}

/** The same as {@link rejection}, typed by the class it has to be. */
export async function rejectionOf<E>(
  // biome-ignore lint/suspicious/noExplicitAny: any constructor will do
  errorClass: abstract new (...args: any[]) => E,
  promise: Promise<unknown>,
): Promise<E> {
  const error = await rejection(promise);
  if (error instanceof errorClass) return error;
  throw new Error(`expected ${errorClass.name}, got ${String(error)}`, { cause: error });
}

/** When a bare timer of so many milliseconds fires: it is late by as much as the machine is busy. */
export function plainTimerMs(delayMs: number): Promise<number> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    setTimeout(() => resolve(performance.now() - startedAt), delayMs);
  });
}
