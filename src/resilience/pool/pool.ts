import { CancelledError } from '../../errors/execution-errors.js';
import { messageOf } from '../../errors/foreign.js';
import { ClosedError } from '../../errors/input-errors.js';
import { PoolError } from '../../errors/pool-error.js';
import { expectDuration, expectSignal, mismatch } from '../../input/checks.js';
import { parseOptions } from '../../input/parse-options.js';
import { unknownKeyError } from '../../input/unknown-key.js';
import { settlesWithin } from '../../lifecycle/settles-within.js';
import type { TimerHandle } from '../../time/clock.js';
import {
  type PoolOptions,
  poolCloseSchema,
  type ResolvedPoolOptions,
  resolvePoolOptions,
} from './pool-options.js';
import type { PoolStats } from './pool-stats.js';

/** Settings of one request for a resource. */
export interface PoolAcquireOptions {
  /** Stops waiting when it is aborted. @default none */
  signal?: AbortSignal | undefined;
  /** How long to wait, in milliseconds. @default the pool's `waitTimeoutMs` */
  waitTimeoutMs?: number | undefined;
}

/** Settings of {@link Pool.close}. */
export interface PoolCloseOptions {
  /** How long to wait for resources on loan, in milliseconds, from 0. @default 20_000 */
  drainMs?: number | undefined;
}

/** A resource on loan: the pool gives it to no other caller until it comes back. Leaving a `using` block releases it. */
export interface PooledResource<Resource> extends Disposable {
  /** The resource itself; not to be used after it has been returned. */
  readonly value: Resource;
  /** Returns it to the pool. Does nothing the second time. */
  release(): void;
  /** Returns it as broken: it is closed, and another one takes its place. */
  destroy(): void;
}

interface Idle<Resource> {
  readonly resource: Resource;
  readonly sinceMs: number;
}

interface Waiter<Resource> {
  resolve(lease: PooledResource<Resource>): void;
  reject(error: Error): void;
}

/**
 * Keeps expensive resources, such as connections of a database, open and shares them: never more than `maxSize`, the
 * longest waiting caller first. Constructing one opens nothing, and unused resources hold no process open by themselves.
 *
 * @example
 * ```ts
 * const pool = new Pool({ create: () => connect(url), destroy: (connection) => connection.end(), maxSize: 5 });
 * const rows = await pool.use((connection) => connection.query('SELECT 1'));
 * await pool.close();
 * ```
 */
export class Pool<Resource> implements AsyncDisposable {
  readonly #options: ResolvedPoolOptions<Resource>;
  readonly #name: string;
  readonly #closing = new AbortController();
  /** Least recently used first; the other end is given out, so that the rest can be closed. */
  readonly #idle: Array<Idle<Resource>> = [];
  readonly #leased = new Set<PooledResource<Resource>>();
  readonly #waiting = new Set<Waiter<Resource>>();
  /** Ends of resources that are being opened, checked or closed. */
  readonly #ending = new Set<Promise<void>>();
  #size = 0;
  /** Resources being closed, which have a place until then. */
  #destroying = 0;
  /** Resources being opened or checked, each for one of those who wait. */
  #coming = 0;
  #idleTimer: TimerHandle | undefined;
  #onReturn: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  readonly #counts = {
    created: 0,
    destroyed: 0,
    acquired: 0,
    reused: 0,
    waitTimeouts: 0,
    createFailures: 0,
    invalid: 0,
  };

  /** @throws `InvalidArgumentError` for an option that is unknown, missing or out of range. */
  constructor(options: PoolOptions<Resource>) {
    this.#options = resolvePoolOptions(options);
    this.#name = this.#options.name ?? 'pool';
  }

  /**
   * A resource, as soon as one is free or can be opened; to be returned with `release()` or `destroy()`.
   *
   * @throws {@link PoolError} when none becomes free in time, opening one takes too long, or too many callers wait.
   * @throws `CancelledError` when `options.signal` is or becomes aborted.
   * @throws `ClosedError` after `close()`.
   * @throws `InvalidArgumentError` for an invalid option.
   * @throws what `create` throws.
   */
  async acquire(options: PoolAcquireOptions = {}): Promise<PooledResource<Resource>> {
    checkAcquireOptions(options);
    const { maxQueued } = this.#options;
    const name = this.#name;
    if (this.#closed !== undefined) throw new ClosedError(`pool "${name}"`);
    if (options.signal?.aborted === true) throw leftEarly(name, options.signal);
    if (this.#waiting.size >= maxQueued) {
      throw new PoolError(
        name,
        'queue-full',
        `${maxQueued} callers wait already; try later or raise maxQueued.`,
      );
    }
    return await this.#wait(options);
  }

  /**
   * Runs `work` with a resource and returns it afterwards. When `work` fails, the resource is kept only if `validate`
   * says that it still works.
   *
   * @throws as {@link Pool.acquire}, and what `work` throws.
   */
  async use<Result>(
    work: (resource: Resource) => Result | Promise<Result>,
    options?: PoolAcquireOptions,
  ): Promise<Result> {
    const lease = await this.acquire(options);
    try {
      const result = await work(lease.value);
      lease.release();
      return result;
    } catch (error) {
      if (await this.#works(lease.value, false)) lease.release();
      else lease.destroy();
      throw error;
    }
  }

  /** What it holds now and what has happened so far. */
  stats(): PoolStats {
    const { acquired, reused } = this.#counts;
    return {
      size: this.#size,
      maxSize: this.#options.maxSize,
      inUse: this.#leased.size,
      idle: this.#idle.length,
      waiting: this.#waiting.size,
      ...this.#counts,
      reuseRatio: acquired === 0 ? 0 : reused / acquired,
    };
  }

  /**
   * Rejects those who wait and later callers with `ClosedError`, waits for the resources on loan, at most `drainMs`, and
   * closes every resource, whether it has come back or not. Idempotent.
   *
   * @throws `InvalidArgumentError` for an unknown option or a wrong `drainMs`.
   */
  close(options: PoolCloseOptions = {}): Promise<void> {
    const { drainMs } = parseOptions(poolCloseSchema(), options, 'close options');
    this.#closed ??= this.#close(drainMs);
    return this.#closed;
  }

  /** As {@link Pool.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #wait({ signal, waitTimeoutMs }: PoolAcquireOptions): Promise<PooledResource<Resource>> {
    const { clock, maxSize } = this.#options;
    const name = this.#name;
    const timeoutMs = waitTimeoutMs ?? this.#options.waitTimeoutMs;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(waiter);
        clock.clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
      };
      const waiter: Waiter<Resource> = {
        resolve: (lease) => {
          settle();
          resolve(lease);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const leave = (): void => waiter.reject(leftEarly(name, signal as AbortSignal));
      const timer = clock.setTimeout(
        () => {
          this.#counts.waitTimeouts += 1;
          const message = `none of ${maxSize} resources became free within ${timeoutMs} ms.`;
          waiter.reject(new PoolError(name, 'wait-timeout', message));
        },
        timeoutMs,
        undefined,
      );
      signal?.addEventListener('abort', leave);
      this.#waiting.add(waiter);
      this.#serve();
    });
  }

  /** Gives those who wait what there is, and opens what is missing. */
  #serve(): void {
    while (this.#waiting.size > this.#coming) {
      const kept = this.#idle.pop();
      if (kept !== undefined) this.#giveKept(kept.resource);
      else if (this.#size < this.#options.maxSize) this.#open();
      else return;
    }
  }

  #giveKept(resource: Resource): void {
    if (this.#options.validate === undefined) {
      this.#give(resource, true);
      return;
    }
    this.#coming += 1;
    this.#track(
      this.#works(resource, true).then((works) => {
        this.#coming -= 1;
        if (works) this.#give(resource, true);
        else this.#destroy(resource);
        this.#serve();
      }),
    );
  }

  /** Lends it to the one who has waited longest, or keeps it. */
  #give(resource: Resource, isReused: boolean): void {
    const [first] = this.#waiting;
    if (this.#closed !== undefined) this.#destroy(resource);
    else if (first === undefined) this.#keep(resource);
    else {
      this.#counts.acquired += 1;
      if (isReused) this.#counts.reused += 1;
      first.resolve(this.#lend(resource));
    }
  }

  #lend(value: Resource): PooledResource<Resource> {
    const back = (take: () => void): void => {
      // It has come back already, or closing has taken it.
      if (!this.#leased.delete(lease)) return;
      take();
      this.#serve();
      this.#onReturn?.();
    };
    const release = (): void => back(() => this.#give(value, true));
    const destroy = (): void => back(() => this.#destroy(value));
    const lease = { value, release, destroy, [Symbol.dispose]: release };
    this.#leased.add(lease);
    return lease;
  }

  #open(): void {
    this.#size += 1;
    this.#coming += 1;
    this.#track(
      this.#create().then(
        (resource) => {
          this.#coming -= 1;
          this.#counts.created += 1;
          this.#give(resource, false);
          this.#serve();
        },
        (error: unknown) => {
          this.#coming -= 1;
          if (this.#closed === undefined) this.#counts.createFailures += 1;
          const [first] = this.#waiting;
          first?.reject(error as Error);
          this.#serve();
        },
      ),
    );
  }

  /** Opens one. Its place is free again after a failure; if it was aborted, once that work has ended. */
  async #create(): Promise<Resource> {
    const { create, createTimeoutMs } = this.#options;
    const name = this.#name;
    const controller = new AbortController();
    let close = (): void => {};
    const closing = new Promise<void>((resolve) => {
      close = resolve;
    });
    this.#closing.signal.addEventListener('abort', close);
    const creating = startSafely(() => create({ signal: controller.signal }));
    const isCreated = creating.then(
      () => true,
      () => true,
    );
    const isOver = await this.#within(Promise.race([isCreated, closing]), createTimeoutMs);
    this.#closing.signal.removeEventListener('abort', close);
    if (isOver && this.#closed === undefined) return await creating.catch(this.#freePlace);
    const tooLong = `opening a resource took more than ${createTimeoutMs} ms.`;
    const error = isOver ? new ClosedError(`pool "${name}"`) : new PoolError(name, 'create-timeout', tooLong);
    controller.abort(error);
    this.#track(this.#discardLate(creating));
    throw error;
  }

  readonly #freePlace = (error: unknown): never => {
    this.#size -= 1;
    throw error;
  };

  /** What an aborted creation opens even so is closed. */
  async #discardLate(creating: Promise<Resource>): Promise<void> {
    const late = creating.then(
      (resource) => this.#end(resource),
      () => {},
    );
    await this.#within(late, this.#options.abandonMs);
    this.#size -= 1;
    this.#serve();
  }

  /** Whether a resource works; without `validate`, what is assumed of it. */
  async #works(resource: Resource, otherwise: boolean): Promise<boolean> {
    const { validate, createTimeoutMs } = this.#options;
    if (validate === undefined) return otherwise;
    let works = false;
    const checking = startSafely(() => validate(resource)).then(
      (answer) => {
        works = answer === true;
      },
      () => {},
    );
    await this.#within(checking, createTimeoutMs);
    if (!works) this.#counts.invalid += 1;
    return works;
  }

  #keep(resource: Resource): void {
    this.#idle.push({ resource, sinceMs: this.#options.clock.now() });
    this.#scheduleIdle();
  }

  get #kept(): number {
    return this.#size - this.#destroying;
  }

  #scheduleIdle(): void {
    const [oldest] = this.#idle;
    const { clock, idleMs, minSize } = this.#options;
    if (this.#idleTimer !== undefined || oldest === undefined || this.#kept <= minSize) return;
    const closeIdle = (): void => {
      this.#idleTimer = undefined;
      this.#closeIdle();
    };
    this.#idleTimer = clock.setTimeout(closeIdle, oldest.sinceMs + idleMs - clock.now(), undefined);
    (this.#idleTimer as { unref?(): void }).unref?.();
  }

  #closeIdle(): void {
    const { clock, idleMs, minSize } = this.#options;
    let [oldest] = this.#idle;
    while (oldest !== undefined && this.#kept > minSize && clock.now() - oldest.sinceMs >= idleMs) {
      this.#idle.shift();
      this.#destroy(oldest.resource);
      [oldest] = this.#idle;
    }
    this.#scheduleIdle();
  }

  /** Closes a resource. It has its place until it is closed. */
  #destroy(resource: Resource): void {
    this.#counts.destroyed += 1;
    this.#destroying += 1;
    const ending = this.#within(this.#end(resource), this.#options.abandonMs).then(() => {
      this.#size -= 1;
      this.#destroying -= 1;
      this.#serve();
    });
    this.#track(ending);
  }

  async #end(resource: Resource): Promise<void> {
    try {
      await this.#options.destroy?.(resource);
    } catch (error) {
      const { logger } = this.#options;
      logger.warn({ pool: this.#name, error }, `closing a resource of the pool failed: ${messageOf(error)}`);
    }
  }

  async #close(drainMs: number): Promise<void> {
    const closed = new ClosedError(`pool "${this.#name}"`);
    this.#closing.abort(closed);
    this.#options.clock.clearTimeout(this.#idleTimer);
    for (const waiter of [...this.#waiting]) waiter.reject(closed);
    for (const { resource } of this.#idle.splice(0)) this.#destroy(resource);
    if (this.#leased.size > 0 && drainMs > 0) {
      const returned = new Promise<void>((resolve) => {
        this.#onReturn = () => this.#leased.size === 0 && resolve();
      });
      await this.#within(returned, drainMs);
    }
    for (const { value } of this.#leased) this.#destroy(value);
    this.#leased.clear();
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  #track(work: Promise<void>): void {
    const ending = work.finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #within(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
    return settlesWithin(work, timeoutMs, this.#options.clock);
  }
}

function startSafely<T>(work: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

function leftEarly(pool: string, signal: AbortSignal): CancelledError {
  const why = `the caller stopped waiting for a resource of pool "${pool}"`;
  return new CancelledError({ agent: '', attempt: 0 }, why, { cause: signal.reason as unknown });
}

const ACQUIRE_CHECKS = { signal: expectSignal, waitTimeoutMs: expectDuration };

function checkAcquireOptions(options: PoolAcquireOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (!(name in ACQUIRE_CHECKS)) throw unknownKeyError('', name, Object.keys(ACQUIRE_CHECKS));
    const wrong = value === undefined ? undefined : ACQUIRE_CHECKS[name as keyof PoolAcquireOptions](value);
    if (wrong !== undefined) throw mismatch(name, wrong, value);
  }
}
