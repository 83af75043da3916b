import type { OutputSchema } from '../contracts/output-schema.js';
import { ClosedError } from '../errors/input-errors.js';
import { unknownKeyError } from '../input/unknown-key.js';
import { LazyModule } from '../lifecycle/lazy-module.js';
import { AnswerStore } from './answer-store.js';
import { type CacheRequest, cacheKey, explainDifference, type KeyContext } from './cache-key.js';
import {
  type CacheObserver,
  CacheObservers,
  type IsListening,
  reportNotStored,
  reportRevalidateFailure,
} from './cache-observers.js';
import {
  type ResolvedResponseCacheOptions,
  type ResponseCacheOptions,
  resolveCacheOptions,
} from './cache-options.js';
import { createExclusionCheck } from './cache-policy.js';
import { type CacheStats, CacheStatsRecorder } from './cache-stats.js';
import {
  type CacheAnswer,
  type CacheHit,
  type CacheHitAs,
  type CacheValue,
  checkAnswer,
} from './cached-answer.js';
import type { ComputeAnswer, ComputeOnce, GetOrComputeOptions } from './compute-once.js';
import { LowerTiers } from './lower-tiers.js';
import { MemorySweep } from './memory-sweep.js';
import { Namespaces } from './namespaces.js';
import { createTaskNormalizer } from './normalize-task.js';
import { type CacheSetOptions, checkSetOptions, checkTag } from './set-options.js';
import { SteadyTime } from './steady-time.js';
import { checkName, tenantTag, withTenant } from './tenant.js';
import type { TierCounters, TierSelector } from './tiers/cache-tier.js';
import type { VerifyReport } from './tiers/tier-stack.js';
import { type TtlAdvice, ttlAdvice } from './ttl-advice.js';
import type { WarmOptions, WarmReport } from './warming.js';

/** Settings of one look-up. */
export interface CacheGetOptions {
  /** Maximum age in milliseconds; older answers count as not found. @default none */
  maxAgeMs?: number | undefined;
}

/** Settings of {@link ResponseCache.clear}. */
export interface CacheClearOptions {
  /** Removes the answers of all tenants, not only of the cache's own. @default false */
  allTenants?: boolean | undefined;
}

/** Is notified of invalidations: work in flight whose answer would be out of date. */
export interface InvalidationListener {
  /** The key was deleted. */
  forget(key: string): void;
  /** Many keys were deleted. */
  forgetAll(): void;
}

/** Where an answer is stored. */
export interface StoreTarget {
  readonly key: string;
  readonly agent: string;
  /** On whose behalf; the cache's `tenant` where left out. */
  readonly tenant?: string | undefined;
}

const CLOSE_TIMEOUT_MS = 5_000;

/** Computes what is not stored: for `getOrCompute`. */
export const computeCode = new LazyModule(() => import('./compute-once.js'));

/**
 * Caches agent answers in memory and, optionally, on disk or in any Keyv store. Stored entries are signed, sizes are
 * bounded, and a failing store never fails a call.
 *
 * Constructing one touches no file; the store is opened on first use.
 */
export class ResponseCache implements AsyncDisposable {
  readonly #options: ResolvedResponseCacheOptions;
  readonly #time: SteadyTime;
  readonly #startedMs: number;
  readonly #keyContext: KeyContext;
  readonly #namespaces: Namespaces | undefined = undefined;
  readonly #isExcluded: (agent: string) => boolean;
  readonly #recorder = new CacheStatsRecorder();
  readonly #observers = new CacheObservers();
  readonly #lower: LowerTiers | undefined;
  readonly #store: AnswerStore;
  #computeOnce: ComputeOnce | undefined;
  readonly #invalidationListeners = new Set<InvalidationListener>();
  readonly #sweep: MemorySweep;
  #enabled: boolean;
  #countersAtReset: TierCounters = { evictions: 0, expirations: 0 };
  #closing: Promise<void> | undefined;

  /** @throws {@link InvalidArgumentError} for an option that is unknown or out of range. */
  constructor(options: ResponseCacheOptions = {}) {
    this.#options = resolveCacheOptions(options);
    const { clock, enabled, excludeAgents, tenant, normalize, namespaces } = this.#options;
    if (namespaces !== undefined) this.#namespaces = new Namespaces(namespaces);
    this.#time = new SteadyTime(clock);
    this.#startedMs = clock.now();
    this.#enabled = enabled;
    this.#isExcluded = createExclusionCheck(excludeAgents);
    this.#keyContext = { tenant, normalizeTask: createTaskNormalizer(normalize) };
    const [recorder, observers, time] = [this.#recorder, this.#observers, this.#time];
    const parts = { options: this.#options, time, recorder, observers, namespaces: this.#namespaces };
    if (this.#options.directory !== undefined || this.#options.store !== undefined) {
      const lowerParts = { ...parts, onFileLost: () => this.#store.restoreLower() };
      this.#lower = new LowerTiers(async () => {
        // Loaded on first use, not with the package: the tier on disk brings SQLite.
        const { openLowerTiers } = await import('./open-lower-tiers.js');
        return await openLowerTiers(lowerParts);
      }, clock);
    }
    const onDeletedElsewhere = (key: string | undefined) => this.#invalidate(key);
    this.#store = new AnswerStore({ ...parts, lower: this.#lower, onDeletedElsewhere });
    this.#sweep = new MemorySweep(clock, () => this.#sweepMemory());
  }

  /** Whether the cache is switched on. Switched off it finds and stores nothing; deleting still works. */
  get enabled(): boolean {
    return this.#enabled;
  }

  /** Switches it on or off. */
  set enabled(enabled: boolean) {
    this.#enabled = enabled;
  }

  /** Whether answers outlive the process: there is a folder or a store. */
  get isPersistent(): boolean {
    return this.#lower !== undefined;
  }

  /**
   * The stored answer to a request; `undefined` when there is none, the agent is excluded or the cache is off.
   *
   * @throws {@link InvalidArgumentError} when the request has no key, see {@link ResponseCache.key}.
   * @throws {@link ClosedError} after `close()`.
   */
  async get(request: CacheRequest, options: CacheGetOptions = {}): Promise<CacheHit | undefined> {
    this.#assertOpen();
    if (!this.#mayUse(request)) return undefined;
    const found = this.#store.lookup(this.key(request), request.agent, options.maxAgeMs);
    // Waiting would cost a hit in memory another turn, and returning a promise costs one from disk two.
    return found instanceof Promise ? await found : found;
  }

  /**
   * The stored answer to a request, its `data` (or else its text, read as JSON) validated with a zod schema. An answer that
   * does not match is removed and counts as not found.
   *
   * @throws as {@link ResponseCache.get}.
   */
  async getAs<Data>(
    request: CacheRequest,
    schema: OutputSchema<Data>,
    options: CacheGetOptions = {},
  ): Promise<CacheHitAs<Data> | undefined> {
    this.#assertOpen();
    if (!this.#mayUse(request)) return undefined;
    const { readAs } = await import('./read-as.js');
    const reader = readAs(schema);
    const { maxAgeMs } = options;
    const hit = await this.#store.lookup(this.key(request), request.agent, maxAgeMs, reader.accepts);
    return hit === undefined ? undefined : { ...hit, data: reader.data() };
  }

  /**
   * The stored answers to many requests, in their order. Quicker than one by one where they come from disk.
   *
   * @throws as {@link ResponseCache.get}.
   */
  async getMany(requests: Iterable<CacheRequest>): Promise<Array<CacheHit | undefined>> {
    this.#assertOpen();
    const all = [...requests];
    const asked = all.flatMap((request, index) => (this.#mayUse(request) ? [index] : []));
    const found = await this.#store.lookupMany(
      asked.map((index) => this.key(all[index] as CacheRequest)),
      asked.map((index) => (all[index] as CacheRequest).agent),
    );
    const hits: Array<CacheHit | undefined> = new Array(all.length).fill(undefined);
    for (const [position, index] of asked.entries()) hits[index] = found[position];
    return hits;
  }

  /**
   * Stores an answer; returns whether it was stored. Answers that are empty, incomplete (cut off, refused, failed, asking
   * for a tool) or larger than the limit are not, nor are those of excluded agents, whatever they hold.
   *
   * @throws {@link InvalidArgumentError} when request, answer or options are not what they have to be.
   * @throws {@link ClosedError} after `close()`.
   */
  async set(request: CacheRequest, answer: CacheAnswer, options: CacheSetOptions = {}): Promise<boolean> {
    this.#assertOpen();
    if (!this.#mayUse(request)) return false;
    checkAnswer(answer);
    checkSetOptions(options);
    const key = this.key(request);
    // Without `await`, as above.
    return this.#storeAnswer(
      { key, agent: request.agent, tenant: this.#tenantOf(request) },
      answer,
      options,
      true,
    );
  }

  /**
   * The stored answer, or the one that `compute` returns, which is then stored. Identical requests at the same
   * time run `compute` once; its signal is aborted when the last caller has left. An expired answer is
   * returned at once and recomputed in the background, where `staleWhileRevalidateMs` allows.
   *
   * @throws what `compute` throws.
   * @throws {@link CancelledError} when `options.signal` is or becomes aborted.
   * @throws {@link InvalidArgumentError} as {@link ResponseCache.set}.
   * @throws {@link ClosedError} after `close()`.
   */
  async getOrCompute(
    request: CacheRequest,
    compute: ComputeAnswer,
    options: GetOrComputeOptions = {},
  ): Promise<CacheValue> {
    this.#assertOpen();
    const { signal, refresh, accepts, ...setOptions } = options;
    const { ComputeOnce, computeAlone } = computeCode.loaded ?? (await this.#loadComputing());
    if (!this.#mayUse(request)) return await computeAlone(compute, signal);
    this.#computeOnce ??= this.#openComputing(ComputeOnce);
    checkSetOptions(setOptions);
    const { agent } = request;
    const key = this.key(request);
    this.#sweep.schedule();
    const ofTenant = withTenant(setOptions, this.#tenantOf(request));
    const job = { key, agent, compute, setOptions: ofTenant, accepts };
    return refresh === true
      ? await this.#computeOnce.refresh(job, signal)
      : await this.#computeOnce.getOrCompute(job, signal);
  }

  /**
   * The key of a request: 32 lowercase hex characters.
   *
   * @throws {@link InvalidArgumentError} when a field has the wrong type or is not JSON.
   */
  key(request: CacheRequest): string {
    return cacheKey(request, this.#keyContext);
  }

  /** The request with all that its key is made from: the cache's tenant, the normalised task. @internal */
  completed(request: CacheRequest): CacheRequest {
    const { normalizeTask } = this.#keyContext;
    const task = normalizeTask === undefined ? request.task : normalizeTask(request.task);
    return { ...request, task, tenant: this.#tenantOf(request) };
  }

  /** Names the first field in which two requests differ, for instance `params.temperature`; `undefined` for equal keys. */
  explain(first: CacheRequest, second: CacheRequest): string | undefined {
    return explainDifference(first, second, this.#keyContext);
  }

  /** Removes the answer to a request; returns whether there was one. */
  async delete(request: CacheRequest): Promise<boolean> {
    this.#assertOpen();
    const key = this.key(request);
    this.#invalidate(key);
    return await this.#store.delete(key);
  }

  /** Removes all answers with the tag; returns how many. With a `tenant`, only that tenant's. */
  async deleteByTag(tag: string): Promise<number> {
    checkTag(tag);
    return await this.#deleteMatching({ tag });
  }

  /** Removes all answers of the agent; returns how many. With a `tenant`, only that tenant's. */
  async deleteAgent(agent: string): Promise<number> {
    return await this.#deleteMatching({ agent });
  }

  /**
   * Removes all answers of agents whose names match the pattern (`*` any characters, `?` one); returns how many. With a
   * `tenant`, only that tenant's.
   *
   * @throws {@link InvalidArgumentError} when the pattern is no string or empty.
   */
  async deletePattern(agentPattern: string): Promise<number> {
    checkName('pattern', agentPattern);
    return await this.#deleteMatching({ agentPattern });
  }

  /**
   * Removes all answers of the tenant; returns how many.
   *
   * @throws {@link InvalidArgumentError} when the tenant is no string or empty.
   */
  async deleteTenant(tenant: string): Promise<number> {
    checkName('tenant', tenant);
    return await this.#forgetMatching({ tag: tenantTag(tenant) });
  }

  /**
   * Removes all answers; returns how many. With a `tenant`, only that tenant's, unless `allTenants` is set. Nothing else
   * in the folder or the store is touched.
   */
  async clear(options: CacheClearOptions = {}): Promise<number> {
    for (const name in options) if (name !== 'allTenants') throw unknownKeyError('', name, ['allTenants']);
    const { tenant } = this.#options;
    if (tenant === undefined || options.allTenants === true) return await this.#forgetMatching('all');
    return await this.#forgetMatching({ tag: tenantTag(tenant) });
  }

  /** Removes expired answers from memory; returns how many. Happens by itself once a minute. */
  cleanup(): number {
    return this.#store.removeExpired();
  }

  /** What happened so far and what it holds now. */
  async stats(): Promise<CacheStats> {
    return this.statsNow(await this.#lower?.size());
  }

  /**
   * As {@link ResponseCache.stats}, without asking the lower tiers.
   *
   * @param held What the lower tiers hold, where there are any.
   * @internal
   */
  statsNow(held: Pick<CacheStats, 'entries' | 'sizeBytes'> = this.#store.memorySize()): CacheStats {
    const memory = this.#store.memorySize();
    const { evictions, expirations } = this.#store.counters();
    const { maxSizeBytes, maxMemoryBytes, clock } = this.#options;
    return {
      enabled: this.#enabled,
      entries: held.entries,
      memoryEntries: memory.entries,
      sizeBytes: held.sizeBytes,
      memoryBytes: memory.sizeBytes,
      maxSizeBytes: this.#lower === undefined ? Math.min(maxSizeBytes, maxMemoryBytes) : maxSizeBytes,
      evictions: evictions - this.#countersAtReset.evictions,
      expirations: expirations - this.#countersAtReset.expirations,
      uptimeMs: clock.now() - this.#startedMs,
      ...this.#recorder.snapshot(),
    };
  }

  /** Sets every count of {@link ResponseCache.stats} back to 0; entries stay. */
  resetStats(): void {
    this.#recorder.reset();
    this.#countersAtReset = this.#store.counters();
  }

  /** How long answers are worth keeping, for each agent with enough repeated requests. */
  ttlAdvice(): TtlAdvice[] {
    const { ttlMs } = this.#options;
    return ttlAdvice(this.#recorder, (agent) => this.#namespaces?.of(agent)?.ttlMs ?? ttlMs);
  }

  /**
   * Computes the answers that are not stored yet, several at a time, within a budget. Stops before it would evict
   * existing entries.
   */
  async warm(
    requests: Iterable<CacheRequest>,
    compute: ComputeAnswer,
    options?: WarmOptions,
  ): Promise<WarmReport> {
    this.#assertOpen();
    const { warm } = await import('./warming.js');
    return await warm(this, requests, compute, options);
  }

  /** Checks every stored entry; removes those that are not what was signed. Memory needs no check. */
  async verify(): Promise<VerifyReport> {
    this.#assertOpen();
    return (await this.#lower?.verify()) ?? { checked: 0, intact: 0, rejected: 0, skipped: 0 };
  }

  /**
   * Resolves when everything stored so far is durable.
   *
   * @throws {@link CacheStoreError} when an answer given to {@link ResponseCache.set} could not be written; `details` has
   * the number and the first keys. Answers that were stored along the way (`getOrCompute`, calls) are reported as
   * `cache:error` only, as no caller asked for their storing.
   */
  async flush(): Promise<void> {
    this.#store.flushTouches();
    await this.#store.restored;
    await this.#lower?.flush();
  }

  /**
   * Flushes, then frees what the cache opened; a store that was given stays open. Idempotent. Ends within 5 seconds,
   * whatever hangs; what could not be written is reported to `logger` and as `cache:error`.
   */
  close(): Promise<void> {
    return this.closeWithin(CLOSE_TIMEOUT_MS);
  }

  /** As `close`, in this time. @internal */
  closeWithin(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  /** As {@link ResponseCache.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Calls the observer with every event of this cache, or with those that `isListening` wants at that moment; the
   * function that comes back ends that.
   */
  observe(observer: CacheObserver, isListening?: IsListening): () => void {
    return this.#observers.add(observer, isListening);
  }

  /** Whether answers of the agent are read and written: the cache is on, open, and the agent is not excluded. */
  isCacheable(agent: string): boolean {
    return this.#enabled && this.#closing === undefined && !this.#isExcluded(agent);
  }

  /**
   * As `get`, for a key and an agent that `isCacheable`: at once when memory knows the answer or there is
   * nothing below memory, else a promise. Never throws.
   *
   * @internal
   */
  lookup(key: string, agent: string): CacheHit | undefined | Promise<CacheHit | undefined> {
    return this.#store.lookup(key, agent);
  }

  /** Whether each key would be a hit now; counts nothing and moves nothing into memory. Never rejects. @internal */
  peekMany(keys: readonly string[]): Promise<boolean[]> {
    return this.#store.peekMany(keys);
  }

  /** As `getMany`, for keys and agents. Never rejects. @internal */
  lookupMany(keys: readonly string[], agents: readonly string[]): Promise<Array<CacheHit | undefined>> {
    return this.#store.lookupMany(keys, agents);
  }

  /**
   * As `set`, for a key and an agent that `isCacheable`. Never rejects: an answer that cannot be stored is
   * reported and left out.
   *
   * @internal
   */
  async store(target: StoreTarget, answer: CacheAnswer, options?: CacheSetOptions): Promise<boolean> {
    if (this.#closing !== undefined) return false;
    try {
      return await this.#storeAnswer(target, answer, options ?? {}, false);
    } catch (error) {
      reportNotStored(this.#observers, error, this.#time.epochMs());
      return false;
    }
  }

  /** Emits `cache:revalidate-error`. @internal */
  reportRevalidateFailure(key: string, agent: string, error: unknown): void {
    reportRevalidateFailure(this.#observers, { key, agent }, error, this.#time.epochMs());
  }

  /** Notifies the listener of every deletion, so that work in flight is not stored after it. @internal */
  onInvalidate(listener: InvalidationListener): () => void {
    this.#invalidationListeners.add(listener);
    return () => void this.#invalidationListeners.delete(listener);
  }

  /** Whether one more entry of average size fits, next to those in flight, without an eviction. @internal */
  async hasRoomForOneMore(inFlight: number): Promise<boolean> {
    const { entries, sizeBytes, maxSizeBytes } = await this.stats();
    const { maxEntries = Number.POSITIVE_INFINITY } = this.#options;
    const averageBytes = entries === 0 ? 0 : sizeBytes / entries;
    return entries + inFlight < maxEntries && sizeBytes + (inFlight + 1) * averageBytes <= maxSizeBytes;
  }

  /** Counts a call that joined identical work in flight. @internal */
  noteShared(): void {
    this.#recorder.sharedFlights += 1;
  }

  #storeAnswer(
    { key, agent, tenant }: StoreTarget,
    answer: CacheAnswer,
    options: CacheSetOptions,
    isPromised: boolean,
  ): Promise<boolean> {
    this.#sweep.schedule();
    const ofTenant = withTenant(options, tenant ?? this.#options.tenant);
    return this.#store.store(key, agent, answer, ofTenant, isPromised);
  }

  /** As `isCacheable`, and a function of `excludeAgents` that throws excludes: the call must not fail for it. */
  #mayUse(request: CacheRequest): boolean {
    try {
      return this.isCacheable(request.agent);
    } catch (error) {
      this.#options.logger.error(
        { error },
        'an excludeAgents function threw; the cache is not used for the request',
      );
      return false;
    }
  }

  #tenantOf({ tenant }: CacheRequest): string | undefined {
    return tenant ?? this.#options.tenant;
  }

  async #loadComputing(): Promise<typeof import('./compute-once.js')> {
    const code = await computeCode.load();
    // Closed meanwhile.
    this.#assertOpen();
    return code;
  }

  #openComputing(Computing: typeof ComputeOnce): ComputeOnce {
    const computing = new Computing(this.#store, this.#recorder, this.#observers, this.#time);
    this.#invalidationListeners.add(computing);
    return computing;
  }

  /** Removes what matches, of the cache's own tenant where there is one. */
  #deleteMatching(selector: Exclude<TierSelector, 'all'>): Promise<number> {
    const { tenant } = this.#options;
    return this.#forgetMatching(
      tenant === undefined ? selector : { ...selector, alsoTag: tenantTag(tenant) },
    );
  }

  async #forgetMatching(selector: TierSelector): Promise<number> {
    this.#assertOpen();
    this.#invalidate(undefined);
    return await this.#store.deleteMatching(selector);
  }

  /** One key was deleted, or many. */
  #invalidate(key: string | undefined): void {
    for (const listener of this.#invalidationListeners) {
      if (key === undefined) listener.forgetAll();
      else listener.forget(key);
    }
  }

  #sweepMemory(): boolean {
    this.#store.removeExpired();
    this.#store.flushTouches();
    return this.#store.memorySize().entries > 0;
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#sweep.stop();
    this.#store.stop();
    this.#computeOnce?.abortAll();
    this.#store.flushTouches();
    await this.#store.restored;
    await this.#lower?.close(timeoutMs);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError('cache');
  }
}
