import { InvalidArgumentError } from '../errors/input-errors.js';
import { checkMaxConcurrent } from './batch.js';
import type { CacheRequest } from './cache-key.js';
import type { CacheHit, CacheValue } from './cached-answer.js';
import type { ComputeAnswer, GetOrComputeOptions } from './compute-once.js';

/** Settings of warming. */
export interface WarmOptions {
  /** How many answers are computed at once, at least 1. @default 4 */
  maxConcurrent?: number | undefined;
  /**
   * Maximum to spend, in US dollars. An answer is started only while the budget has room for what was spent plus one
   * more answer and every answer in flight, each at the highest price seen so far.
   *
   * @default none
   */
  budgetUsd?: number | undefined;
  /** As of `set`. @default the cache's `ttlMs` */
  ttlMs?: number | undefined;
  /** As of `set`. @default [] */
  tags?: readonly string[] | undefined;
  /** Stops warming: no new answer is started, and those in flight are aborted. */
  signal?: AbortSignal | undefined;
}

/** What warming did. */
export interface WarmReport {
  /** Answers that were computed. */
  computed: number;
  /** Requests that were answered already. */
  found: number;
  /** Requests whose computing failed. */
  failed: number;
  /** Requests that were not begun, because it stopped before. */
  skipped: number;
  /** What was spent, in US dollars, where known. */
  costUsd: number;
  /** Why it stopped before the end. */
  stoppedBy?: 'budget' | 'room' | 'signal';
}

/** The part of a cache that warming uses. */
export interface WarmableCache {
  get(request: CacheRequest): Promise<CacheHit | undefined>;
  getOrCompute(
    request: CacheRequest,
    compute: ComputeAnswer,
    options: GetOrComputeOptions,
  ): Promise<CacheValue>;
  hasRoomForOneMore(inFlight: number): Promise<boolean>;
}

/** Computes the answers to requests that are not stored yet: see `ResponseCache.warm`. */
export async function warm(
  cache: WarmableCache,
  requests: Iterable<CacheRequest>,
  compute: ComputeAnswer,
  options: WarmOptions = {},
): Promise<WarmReport> {
  const maxConcurrent = checkMaxConcurrent(options.maxConcurrent ?? 4);
  const run = new Warming(cache, [...requests], compute, options);
  await Promise.all(Array.from({ length: maxConcurrent }, () => run.work()));
  return run.report();
}

class Warming {
  readonly #cache: WarmableCache;
  readonly #requests: readonly CacheRequest[];
  readonly #compute: ComputeAnswer;
  readonly #options: WarmOptions;
  readonly #report: WarmReport = { computed: 0, found: 0, failed: 0, skipped: 0, costUsd: 0 };
  #next = 0;
  #inFlight = 0;
  #highestUsd: number | undefined;
  #settled: Array<() => void> = [];

  constructor(
    cache: WarmableCache,
    requests: readonly CacheRequest[],
    compute: ComputeAnswer,
    options: WarmOptions,
  ) {
    const { budgetUsd } = options;
    if (budgetUsd !== undefined && !(Number.isFinite(budgetUsd) && budgetUsd >= 0)) {
      throw new InvalidArgumentError(
        'budgetUsd',
        `budgetUsd: expected US dollars of at least 0; got ${String(budgetUsd)}.`,
      );
    }
    this.#cache = cache;
    this.#requests = requests;
    this.#compute = compute;
    this.#options = options;
  }

  /** Takes one request after the other until there are none left or it has to stop. */
  async work(): Promise<void> {
    while (this.#next < this.#requests.length && this.#report.stoppedBy === undefined) {
      const request = this.#requests[this.#next++] as CacheRequest;
      if ((await this.#cache.get(request)) !== undefined) this.#report.found += 1;
      else if (!(await this.#mayBegin())) this.#report.skipped += 1;
      else await this.#computeOne(request);
    }
  }

  report(): WarmReport {
    this.#report.skipped += this.#requests.length - this.#next;
    return this.#report;
  }

  async #mayBegin(): Promise<boolean> {
    // Until one price is known, one answer at a time: several of unknown price could exceed any budget.
    while (this.#mustWaitForAPrice()) await new Promise<void>((resolve) => this.#settled.push(resolve));
    const reason = this.#reasonToStop();
    if (reason !== undefined) return this.#stop(reason);
    // Taken before anything is awaited, so that two workers do not both take the last place.
    this.#inFlight += 1;
    // Existing entries were requested by a caller; a guess must not evict them.
    if (await this.#cache.hasRoomForOneMore(this.#inFlight - 1)) return true;
    this.#ended();
    return this.#stop('room');
  }

  #stop(reason: NonNullable<WarmReport['stoppedBy']>): false {
    this.#report.stoppedBy ??= reason;
    return false;
  }

  #mustWaitForAPrice(): boolean {
    return this.#options.budgetUsd !== undefined && this.#highestUsd === undefined && this.#inFlight > 0;
  }

  #reasonToStop(): WarmReport['stoppedBy'] | undefined {
    const { stoppedBy, costUsd } = this.#report;
    if (stoppedBy !== undefined) return stoppedBy;
    if (this.#options.signal?.aborted === true) return 'signal';
    const { budgetUsd } = this.#options;
    const neededUsd = costUsd + (this.#inFlight + 1) * (this.#highestUsd ?? 0);
    return budgetUsd !== undefined && (budgetUsd === 0 || neededUsd > budgetUsd) ? 'budget' : undefined;
  }

  async #computeOne(request: CacheRequest): Promise<void> {
    const { ttlMs, tags, signal } = this.#options;
    try {
      const { cached, costUsd = 0 } = await this.#cache.getOrCompute(request, this.#compute, {
        ttlMs,
        tags,
        signal,
      });
      if (cached !== false) this.#report.found += 1;
      else {
        this.#report.computed += 1;
        this.#report.costUsd += costUsd;
        this.#highestUsd = Math.max(this.#highestUsd ?? 0, costUsd);
      }
    } catch {
      this.#report.failed += 1;
    } finally {
      this.#ended();
    }
  }

  #ended(): void {
    this.#inFlight -= 1;
    for (const resolve of this.#settled.splice(0)) resolve();
  }
}
