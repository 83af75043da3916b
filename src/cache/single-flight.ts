import { CancelledError } from '../errors/execution-errors.js';

/** Work in flight, as seen by its compute function. */
export interface Flight {
  /** Aborted when the last waiting caller has left. Created on first access. */
  readonly signal: AbortSignal;
  /**
   * Whether the work is still current. `false` once the key was invalidated: waiting callers still get the answer,
   * but it must not be stored.
   */
  isCurrent(): boolean;
}

/** Settings of one caller. */
export interface JoinOptions {
  /** Lets this caller leave; the work continues for the others. */
  signal?: AbortSignal | undefined;
  /** The agent that an error for this caller names. */
  agent?: string | undefined;
}

/** Runs work once for all callers of the same key at the same time. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, RunningFlight<T>>();

  /** How many keys are being worked on. */
  get size(): number {
    return this.#flights.size;
  }

  /** Whether work for the key is in flight: whether `run` would join it. */
  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /**
   * Joins the work in flight for the key, or starts it.
   *
   * @throws {@link CancelledError} when this caller's signal is or becomes aborted.
   */
  run(key: string, compute: (flight: Flight) => Promise<T>, options: JoinOptions = {}): Promise<T> {
    if (options.signal?.aborted === true) return Promise.reject(leftEarly(options));
    return (this.#flights.get(key) ?? this.#start(key, compute)).join(options);
  }

  /** Invalidates the key: the next caller starts new work, and work in flight is no longer current. */
  forget(key: string): void {
    this.#flights.get(key)?.invalidate();
    this.#flights.delete(key);
  }

  /** Invalidates all keys. */
  forgetAll(): void {
    for (const flight of this.#flights.values()) flight.invalidate();
    this.#flights.clear();
  }

  /** Aborts the work of all keys, for closing. */
  abortAll(): void {
    for (const flight of this.#flights.values()) flight.abort();
    this.forgetAll();
  }

  #start(key: string, compute: (flight: Flight) => Promise<T>): RunningFlight<T> {
    const flight = new RunningFlight<T>(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    flight.start(compute);
    return flight;
  }
}

class RunningFlight<T> implements Flight {
  readonly #onGone: () => void;
  #work: Promise<T> | undefined;
  #controller: AbortController | undefined;
  #aborted = false;
  #current = true;
  #waiting = 0;

  constructor(onGone: () => void) {
    this.#onGone = onGone;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  isCurrent(): boolean {
    return this.#current && !this.#aborted;
  }

  start(compute: (flight: Flight) => Promise<T>): void {
    this.#work = runSafely(compute, this);
    // The second handler also keeps a failure without a caller from being an unhandled rejection.
    this.#work.then(this.#onGone, this.#onGone);
  }

  join({ signal, agent }: JoinOptions): Promise<T> {
    this.#waiting += 1;
    const work = this.#work as Promise<T>;
    // A caller without a signal cannot leave and needs no listener; the count then never reaches 0.
    if (signal === undefined) return work;
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener('abort', leave);
        reject(leftEarly({ signal, agent }));
        this.#left();
      };
      signal.addEventListener('abort', leave);
      work.finally(() => signal.removeEventListener('abort', leave)).then(resolve, reject);
    });
  }

  invalidate(): void {
    this.#current = false;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }

  #left(): void {
    this.#waiting -= 1;
    if (this.#waiting > 0) return;
    this.#onGone();
    this.abort();
  }
}

async function runSafely<T>(compute: (flight: Flight) => Promise<T>, flight: Flight): Promise<T> {
  return await compute(flight);
}

function leftEarly({ signal, agent = '' }: JoinOptions): CancelledError {
  return new CancelledError({ agent, attempt: 0 }, 'the caller left before the shared answer came', {
    cause: signal?.reason as unknown,
  });
}
