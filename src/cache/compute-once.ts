import type { AcceptsAnswer, AnswerStore } from './answer-store.js';
import { type CacheObservers, reportNotStored, reportRevalidateFailure } from './cache-observers.js';
import type { CacheStatsRecorder } from './cache-stats.js';
import {
  type CacheAnswer,
  type CacheHit,
  type CacheValue,
  checkAnswer,
  frozenUsage,
  type PreparedAnswer,
  prepareAnswer,
  type StoredAnswer,
} from './cached-answer.js';
import type { CacheSetOptions } from './set-options.js';
import { type Flight, type JoinOptions, SingleFlight } from './single-flight.js';
import type { SteadyTime } from './steady-time.js';

/** Computes an answer that is not stored. The signal is aborted when no caller is waiting for it any more. */
export type ComputeAnswer = (context: {
  readonly signal: AbortSignal;
}) => CacheAnswer | string | Promise<CacheAnswer | string>;

/** Settings of one `getOrCompute`. */
export interface GetOrComputeOptions extends CacheSetOptions {
  /** Lets this caller leave; others who wait for the same answer still get it. */
  signal?: AbortSignal | undefined;
  /** Computes the answer even when one is stored, and stores the new one. @default false */
  refresh?: boolean | undefined;
  /**
   * Whether a stored answer may be served. One for which it returns `false` is removed, counted as a miss and computed
   * again; what is computed is not asked about.
   *
   * @default every stored answer
   */
  accepts?: ((answer: StoredAnswer) => boolean) | undefined;
}

/** One requested answer. */
export interface ComputeJob {
  readonly key: string;
  readonly agent: string;
  readonly compute: ComputeAnswer;
  readonly setOptions: CacheSetOptions;
  /** Whether a stored answer may be served. @default every one */
  readonly accepts?: AcceptsAnswer | undefined;
}

type Outcome = { readonly hit: CacheHit } | { readonly computed: StoredAnswer };

/** Finds or computes answers; concurrent requests of one key share one computation. */
export class ComputeOnce {
  readonly #store: AnswerStore;
  readonly #recorder: CacheStatsRecorder;
  readonly #observers: CacheObservers;
  readonly #time: SteadyTime;
  readonly #flights = new SingleFlight<Outcome>();
  readonly #refreshes = new SingleFlight<Outcome>();

  constructor(store: AnswerStore, recorder: CacheStatsRecorder, observers: CacheObservers, time: SteadyTime) {
    this.#store = store;
    this.#recorder = recorder;
    this.#observers = observers;
    this.#time = time;
  }

  /** The stored answer or a computed one. */
  async getOrCompute(job: ComputeJob, signal: AbortSignal | undefined): Promise<CacheValue> {
    const { key, agent, accepts } = job;
    const isJoining = this.#flights.has(key);
    const found = isJoining ? undefined : this.#store.lookup(key, agent, undefined, accepts);
    if (found !== undefined && !(found instanceof Promise)) return this.#fromHit(found, job);
    const outcome = await this.#flights.run(
      key,
      async (flight) => {
        const hit = await found;
        return hit === undefined ? { computed: await this.#computeAndStore(job, flight) } : { hit };
      },
      { signal, agent },
    );
    if ('computed' in outcome) return this.#fromComputed(outcome.computed, isJoining);
    return isJoining ? this.#joinedHit(outcome.hit, job) : this.#fromHit(outcome.hit, job);
  }

  /** Computes an answer even if one is stored, and replaces it. */
  async refresh(job: ComputeJob, signal: AbortSignal | undefined): Promise<CacheValue> {
    const { key, agent } = job;
    const isJoining = this.#refreshes.has(key);
    const outcome = await this.#startRefresh(job, { agent, signal });
    return 'hit' in outcome ? fromHit(outcome.hit) : this.#fromComputed(outcome.computed, isJoining);
  }

  forget(key: string): void {
    this.#flights.forget(key);
    this.#refreshes.forget(key);
  }

  forgetAll(): void {
    this.#flights.forgetAll();
    this.#refreshes.forgetAll();
  }

  /** Aborts all computations, for closing. */
  abortAll(): void {
    this.#flights.abortAll();
    this.#refreshes.abortAll();
  }

  async #computeAndStore(job: ComputeJob, flight: Flight): Promise<StoredAnswer> {
    const answer = await callCompute(job.compute, flight);
    let prepared: PreparedAnswer;
    try {
      prepared = prepareAnswer(answer);
    } catch (error) {
      // The call must not fail: its answer is right, it just cannot be stored.
      reportNotStored(this.#observers, error, this.#time.epochMs());
      return asStored(answer);
    }
    // Memory has it when this returns; no caller needs to wait for the lower tiers.
    if (flight.isCurrent()) void this.#store.storePrepared(job.key, job.agent, prepared, job.setOptions);
    return prepared.answer;
  }

  #startRefresh(job: ComputeJob, options: JoinOptions): Promise<Outcome> {
    return this.#refreshes.run(
      job.key,
      async (flight) => ({ computed: await this.#computeAndStore(job, flight) }),
      options,
    );
  }

  #fromHit(hit: CacheHit, job: ComputeJob): CacheValue {
    if (hit.stale && !this.#refreshes.has(job.key)) {
      this.#startRefresh(job, { agent: job.agent }).catch((error: unknown) =>
        reportRevalidateFailure(this.#observers, job, error, this.#time.epochMs()),
      );
    }
    return fromHit(hit);
  }

  #joinedHit(hit: CacheHit, job: ComputeJob): CacheValue {
    const account = this.#recorder.account(job.agent);
    this.#recorder.hit(hit.tier, account, hit.costUsd ?? 0, hit.usage.totalTokens ?? 0);
    return fromHit(hit);
  }

  #fromComputed(answer: StoredAnswer, isJoining: boolean): CacheValue {
    if (isJoining) this.#recorder.sharedFlights += 1;
    return { ...answer, cached: isJoining ? 'shared' : false, ageMs: 0, stale: false };
  }
}

/** Computes an answer that is neither stored nor shared. */
export async function computeAlone(
  compute: ComputeAnswer,
  signal: AbortSignal | undefined,
): Promise<CacheValue> {
  const answer = await callCompute(compute, { signal: signal ?? new AbortController().signal });
  return { ...asStored(answer), cached: false, ageMs: 0, stale: false };
}

async function callCompute(
  compute: ComputeAnswer,
  context: { readonly signal: AbortSignal },
): Promise<CacheAnswer> {
  const given = await compute(context);
  const answer = typeof given === 'string' ? { output: given } : given;
  checkAnswer(answer);
  return answer;
}

function fromHit(hit: CacheHit): CacheValue {
  const { output, data, usage, costUsd, model, finishReason, steps, events, tier, ageMs, stale } = hit;
  return {
    output,
    ...(data === undefined ? {} : { data }),
    usage,
    costUsd,
    ...(model === undefined ? {} : { model }),
    ...(finishReason === undefined ? {} : { finishReason }),
    ...(steps === undefined ? {} : { steps }),
    ...(events === undefined ? {} : { events }),
    cached: tier,
    ageMs,
    stale,
  };
}

function asStored(answer: CacheAnswer): StoredAnswer {
  const { output, data, costUsd, model, finishReason, steps, events } = answer;
  return {
    output,
    usage: frozenUsage(answer.usage),
    costUsd,
    ...(data === undefined ? {} : { data }),
    ...(model === undefined ? {} : { model }),
    ...(finishReason === undefined ? {} : { finishReason }),
    ...(steps === undefined ? {} : { steps }),
    ...(events === undefined ? {} : { events }),
  };
}
