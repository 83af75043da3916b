import type { HitTier, NotStored } from '../contracts/cache-events.js';
import { entrySizeBytes } from './cache-entry.js';
import type { CacheObservers } from './cache-observers.js';
import type { ResolvedResponseCacheOptions } from './cache-options.js';
import { whyNotStorable } from './cache-policy.js';
import type { CacheStatsRecorder } from './cache-stats.js';
import {
  type CacheAnswer,
  type CacheHit,
  type PreparedAnswer,
  prepareAnswer,
  type StoredAnswer,
} from './cached-answer.js';
import { NO_TAGS, toHit, toMemoryEntry, toUnsealed } from './entry-conversions.js';
import { type LowerEntry, LowerReads } from './lower-reads.js';
import type { LowerTiers } from './lower-tiers.js';
import { MemoryFollower } from './memory-follower.js';
import { MissTimer } from './miss-timer.js';
import { createNamespaceLimits } from './namespace-limits.js';
import type { Namespaces } from './namespaces.js';
import type { CacheSetOptions } from './set-options.js';
import type { SteadyTime } from './steady-time.js';
import type { TierChange, TierCounters, TierSelector, TierSize } from './tiers/cache-tier.js';
import { type MemoryEntry, MemoryTier } from './tiers/memory-tier.js';
import type { VerifiedEntry } from './tiers/tier-stack.js';
import { TouchBatcher } from './touch-batcher.js';
import { DepartedKeys } from './ttl-advice.js';

/** One in this many memory hits is timed: reading the clock twice costs as much as the rest of a hit. */
const TIMED_ONE_IN = 16;
/** Entries that are written as JSON between two turns of the event loop. */
const RESTORED_PER_TURN = 100;

/** Whether a stored answer may be served to a reader. */
export type AcceptsAnswer = (answer: StoredAnswer) => boolean;
/** What of an entry decides whether it is served. */
type Dated = Pick<MemoryEntry, 'createdAt' | 'expiresAt' | 'staleUntil'>;

/** Collaborators of an {@link AnswerStore}. */
export interface AnswerStoreParts {
  readonly options: ResolvedResponseCacheOptions;
  readonly time: SteadyTime;
  readonly recorder: CacheStatsRecorder;
  readonly observers: CacheObservers;
  /** Groups of answers with settings of their own. */
  readonly namespaces: Namespaces | undefined;
  /** Called with what another process has deleted: one key, or `undefined` for many. */
  readonly onDeletedElsewhere: (key: string | undefined) => void;
  /** The tiers below memory; `undefined` when there are none. */
  readonly lower: LowerTiers | undefined;
}

/** Answers by key, in memory and in the lower tiers, with statistics. Knows nothing about requests. */
export class AnswerStore {
  readonly #parts: AnswerStoreParts;
  readonly #memory: MemoryTier;
  readonly #touches: TouchBatcher;
  readonly #misses = new MissTimer();
  readonly #departed = new DepartedKeys();
  readonly #lowerReads: LowerReads | undefined;
  readonly #follower: MemoryFollower | undefined;
  /** Answers to requests made after a deletion are dated later than it. */
  #deletedAtMs = Number.NEGATIVE_INFINITY;
  /** Resolves when the lower tiers have again what they lost. */
  restored: Promise<void> = Promise.resolve();

  constructor(parts: AnswerStoreParts) {
    this.#parts = parts;
    const { maxMemoryBytes, maxSizeBytes, maxEntries = Number.POSITIVE_INFINITY, eviction } = parts.options;
    this.#memory = new MemoryTier({
      maxSizeBytes: parts.lower === undefined ? Math.min(maxMemoryBytes, maxSizeBytes) : maxMemoryBytes,
      maxEntries,
      eviction,
      namespaces: createNamespaceLimits(parts.namespaces, eviction),
      onLeave: (entry, why) => this.#entryLeft(entry, why),
    });
    const { lower, time } = parts;
    if (lower !== undefined) {
      this.#lowerReads = new LowerReads({
        lower,
        toMemoryEntry: (found) => this.#entryOf(found),
        keep: (entry) => this.#memory.set(entry, time.epochMs()),
      });
      this.#follower = new MemoryFollower({
        clock: parts.options.clock,
        epochMs: () => time.epochMs(),
        changes: () => lower.changes(),
        apply: (changes) => this.#apply(changes),
        hits: () => parts.recorder.tiers.memory.hits,
      });
    }
    this.#touches = new TouchBatcher((key, hits) => parts.lower?.touch(key, hits));
  }

  /**
   * The answer under the key, counted as a hit or a miss. Synchronous when memory has it or there is no lower tier,
   * else a promise.
   *
   * @param maxAgeMs Older answers count as not found.
   * @param accepts An answer for which it returns `false` counts as not found, and is removed.
   */
  lookup(
    key: string,
    agent: string,
    maxAgeMs = Number.POSITIVE_INFINITY,
    accepts?: AcceptsAnswer,
  ): CacheHit | undefined | Promise<CacheHit | undefined> {
    const { recorder, time, options } = this.#parts;
    const isTimed = recorder.tiers.memory.hits % TIMED_ONE_IN === 0;
    const startedMs = isTimed ? options.clock.now() : 0;
    const nowMs = time.epochMs();
    const entry = this.#memory.get(key, nowMs);
    if (entry !== undefined && this.#mayServe(entry, nowMs, maxAgeMs)) {
      if (this.#follower !== undefined && nowMs > this.#follower.servedUntilMs) {
        return this.#follower.check().then(() => this.lookup(key, agent, maxAgeMs, accepts));
      }
      if (accepts?.(entry.answer) === false) return this.#reject(entry, 'memory');
      const hit = this.#serve(entry, 'memory', nowMs);
      if (isTimed) recorder.tiers.memory.record(options.clock.now() - startedMs);
      return hit;
    }
    if (this.#lowerReads === undefined) {
      this.#countMiss(key, agent, options.clock.now());
      return undefined;
    }
    return this.#lookupLower(this.#lowerReads, key, agent, maxAgeMs, accepts);
  }

  /** The answers under many keys, in their order; the lower tiers are queried once for all. */
  async lookupMany(keys: readonly string[], agents: readonly string[]): Promise<Array<CacheHit | undefined>> {
    const { time, options } = this.#parts;
    const startedMs = options.clock.now();
    if (this.#follower !== undefined && time.epochMs() > this.#follower.servedUntilMs)
      await this.#follower.check();
    const nowMs = time.epochMs();
    const hits = keys.map((key) => {
      const entry = this.#memory.get(key, nowMs);
      return entry !== undefined && this.#mayServe(entry, nowMs, Number.POSITIVE_INFINITY)
        ? this.#serve(entry, 'memory', nowMs)
        : undefined;
    });
    const missing = keys.flatMap((_, index) => (hits[index] === undefined ? [index] : []));
    const found = (await this.#lowerReads?.getMany(missing.map((index) => keys[index] as string))) ?? [];
    for (const [position, index] of missing.entries()) {
      const [key, agent] = [keys[index] as string, agents[index] as string];
      hits[index] = this.#settle(key, agent, found[position], Number.POSITIVE_INFINITY, startedMs);
    }
    return hits;
  }

  /** Whether each key would be a hit now. Counts nothing and moves nothing into memory. */
  async peekMany(keys: readonly string[]): Promise<boolean[]> {
    const nowMs = this.#parts.time.epochMs();
    const mayServe = (entry: Dated | undefined): boolean =>
      entry !== undefined && this.#mayServe(entry, nowMs, Number.POSITIVE_INFINITY);
    const found = keys.map((key) => mayServe(this.#memory.peek(key)));
    const missing = keys.flatMap((_, index) => (found[index] === true ? [] : [index]));
    if (missing.length === 0) return found;
    const below = await this.#parts.lower?.getMany(missing.map((index) => keys[index] as string));
    for (const [position, index] of missing.entries()) found[index] = mayServe(below?.[position]?.entry);
    return found;
  }

  /**
   * Stores an answer; returns whether it was stored. Resolves when the lower tiers have accepted it. Records the time of
   * the miss that it answers.
   *
   * @param isPromised Whether the caller asked for storing, so that `flush` has to tell when that fails.
   * @throws {@link InvalidArgumentError} when `data` or `events` are not JSON.
   */
  store(
    key: string,
    agent: string,
    answer: CacheAnswer,
    options: CacheSetOptions,
    isPromised: boolean,
  ): Promise<boolean> {
    return this.storePrepared(key, agent, prepareAnswer(answer), options, isPromised);
  }

  /** As `store`, for a prepared answer. Memory has it when this returns; never rejects. */
  async storePrepared(
    key: string,
    agent: string,
    prepared: PreparedAnswer,
    options: CacheSetOptions,
    isPromised = false,
  ): Promise<boolean> {
    const { recorder, observers, lower } = this.#parts;
    const reason = whyNotStorable(prepared.answer);
    if (reason !== undefined) return this.#notStored(key, agent, reason);
    const entry = this.#newEntry(key, agent, prepared, options);
    this.#stopMissTimer(key);
    this.#lowerReads?.invalidate(key);
    const inMemory = this.#memory.set(entry, entry.createdAt);
    const below = entry.sizeBytes <= this.#parts.options.maxSizeBytes ? lower : undefined;
    if (!inMemory && below === undefined) {
      await lower?.delete(key, entry.createdAt);
      return this.#notStored(key, agent, 'too-large');
    }
    recorder.sets += 1;
    entry.account.sets += 1;
    if (observers.wants('cache:write')) {
      const { sizeBytes, expiresAt } = entry;
      observers.emit('cache:write', { key, agent, sizeBytes, expiresAt, at: entry.createdAt });
    }
    this.#touches.flush();
    const taking = below?.set(toUnsealed(entry, prepared.payload), isPromised);
    if (taking !== undefined) await taking;
    return true;
  }

  /** Removes an answer everywhere; returns whether there was one. */
  async delete(key: string): Promise<boolean> {
    this.#lowerReads?.invalidate(key);
    const deletedAtMs = this.#noteDeletion();
    const inMemory = this.#memory.delete(key);
    const below = (await this.#parts.lower?.delete(key, deletedAtMs)) ?? false;
    if (inMemory || below) this.#parts.recorder.deletions += 1;
    return inMemory || below;
  }

  /** Removes all matching answers; returns how many. */
  async deleteMatching(selector: TierSelector): Promise<number> {
    this.#lowerReads?.invalidateAll();
    if (selector === 'all') this.#misses.clear();
    const deletedAtMs = this.#noteDeletion();
    const inMemory = this.#memory.deleteMatching(selector);
    const deleted = Math.max(inMemory, (await this.#parts.lower?.deleteMatching(selector, deletedAtMs)) ?? 0);
    this.#parts.recorder.deletions += deleted;
    return deleted;
  }

  /** Removes expired answers from memory; returns how many. */
  removeExpired(): number {
    return this.#memory.removeExpired(this.#parts.time.epochMs());
  }

  /** How much memory holds. */
  memorySize(): TierSize {
    return this.#memory.size();
  }

  /** What happened in memory and below. */
  counters(): TierCounters {
    return this.#parts.lower?.counters() ?? this.#memory.counters();
  }

  /** Hands down what is known of uses. */
  flushTouches(): void {
    this.#touches.flush();
  }

  /** Sets everything that memory holds in the lower tiers again, in portions: their file broke. */
  restoreLower(): void {
    this.restored = this.restored.then(() => this.#restore());
  }

  async #restore(): Promise<void> {
    let count = 0;
    for (const entry of [...this.#memory.entries()]) {
      // Replaced or deleted meanwhile.
      if (this.#memory.peek(entry.key) !== entry) continue;
      await this.#parts.lower?.set(toUnsealed(entry, prepareAnswer(entry.answer).payload));
      if (++count % RESTORED_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Ends what runs by itself, for closing. */
  stop(): void {
    this.#follower?.stop();
  }

  #noteDeletion(): number {
    this.#deletedAtMs = Math.floor(this.#parts.time.epochMs());
    return this.#deletedAtMs;
  }

  /** Another process has deleted or replaced answers. */
  #apply(changes: readonly TierChange[]): void {
    for (const change of changes) {
      const { selector } = change;
      this.#memory.apply(change);
      if (selector !== 'all' && 'key' in selector) {
        this.#lowerReads?.invalidate(selector.key);
        this.#parts.onDeletedElsewhere(selector.key);
      } else {
        this.#lowerReads?.invalidateAll();
        this.#parts.onDeletedElsewhere(undefined);
      }
    }
  }

  async #lookupLower(
    below: LowerReads,
    key: string,
    agent: string,
    maxAgeMs: number,
    accepts: AcceptsAnswer | undefined,
  ): Promise<CacheHit | undefined> {
    const startedMs = this.#parts.options.clock.now();
    const found = await below.get(key);
    const isRejected = found !== undefined && accepts?.(found.entry.answer) === false;
    return isRejected
      ? this.#reject(found.entry, found.tier)
      : this.#settle(key, agent, found, maxAgeMs, startedMs);
  }

  /** Removes an answer that its reader cannot use, and counts a miss. */
  async #reject({ key, agent }: MemoryEntry, tier: HitTier): Promise<undefined> {
    const { recorder, observers, time, options, lower } = this.#parts;
    recorder.integrityFailures += 1;
    if (observers.wants('cache:reject')) {
      observers.emit('cache:reject', { key, agent, tier, reason: 'schema-mismatch', at: time.epochMs() });
    }
    this.#countMiss(key, agent, options.clock.now());
    this.#lowerReads?.invalidate(key);
    const deletedAtMs = this.#noteDeletion();
    this.#memory.delete(key);
    await lower?.delete(key, deletedAtMs);
    return undefined;
  }

  /** Counts the hit or miss of a request that memory could not answer. */
  #settle(
    key: string,
    agent: string,
    found: LowerEntry | undefined,
    maxAgeMs: number,
    startedMs: number,
  ): CacheHit | undefined {
    const { recorder, time, options } = this.#parts;
    const nowMs = time.epochMs();
    if (found === undefined || !this.#mayServe(found.entry, nowMs, maxAgeMs)) {
      this.#countMiss(key, agent, startedMs);
      return undefined;
    }
    const hit = this.#serve(found.entry, found.tier, nowMs);
    recorder.tiers[found.tier].record(options.clock.now() - startedMs);
    return hit;
  }

  #mayServe(entry: Dated, nowMs: number, maxAgeMs: number): boolean {
    if (nowMs >= entry.expiresAt) {
      const { staleWhileRevalidateMs } = this.#parts.options;
      if (nowMs >= Math.min(entry.staleUntil, entry.expiresAt + staleWhileRevalidateMs)) return false;
    }
    return nowMs - entry.createdAt <= maxAgeMs;
  }

  #serve(entry: MemoryEntry, tier: HitTier, nowMs: number): CacheHit {
    const { recorder, observers, lower } = this.#parts;
    const { answer, account } = entry;
    entry.hits += 1;
    account.intervals.record(nowMs - entry.usedAt);
    entry.usedAt = nowMs;
    recorder.hit(tier, account, answer.costUsd ?? 0, answer.usage.totalTokens ?? 0);
    if (lower !== undefined) this.#touches.add(entry);
    const hit = toHit(entry, tier, nowMs);
    if (observers.wants('cache:hit')) {
      const { key, agent } = entry;
      observers.emit('cache:hit', { key, agent, tier, ageMs: hit.ageMs, stale: hit.stale, at: nowMs });
    }
    return hit;
  }

  #countMiss(key: string, agent: string, startedMs: number): void {
    const { recorder, observers, time } = this.#parts;
    const account = recorder.account(agent);
    recorder.miss(account);
    this.#misses.start(key, startedMs);
    const usedAtMs = this.#departed.cameBack(key);
    if (usedAtMs !== undefined) account.intervals.record(time.epochMs() - usedAtMs);
    if (observers.wants('cache:miss')) observers.emit('cache:miss', { key, agent, at: time.epochMs() });
  }

  #stopMissTimer(key: string): void {
    const missMs = this.#misses.stop(key, this.#parts.options.clock.now());
    if (missMs !== undefined) this.#parts.recorder.missTime(missMs);
  }

  #notStored(key: string, agent: string, reason: NotStored): false {
    const { observers, time } = this.#parts;
    // Its work was done even so, and its time counts.
    this.#stopMissTimer(key);
    if (observers.wants('cache:skip')) {
      observers.emit('cache:skip', { key, agent, reason, at: time.epochMs() });
    }
    return false;
  }

  #newEntry(key: string, agent: string, prepared: PreparedAnswer, options: CacheSetOptions): MemoryEntry {
    const { time, recorder, namespaces, options: defaults } = this.#parts;
    const createdAt = Math.max(Math.floor(time.epochMs()), this.#deletedAtMs + 1);
    const ttlMs = options.ttlMs ?? namespaces?.of(agent)?.ttlMs ?? defaults.ttlMs;
    const expiresAt = createdAt + Math.ceil(ttlMs);
    const tags = options.tags === undefined ? NO_TAGS : Object.freeze([...options.tags]);
    return {
      key,
      agent,
      tags,
      answer: prepared.answer,
      createdAt,
      expiresAt,
      staleUntil: expiresAt + Math.ceil(defaults.staleWhileRevalidateMs),
      sizeBytes: entrySizeBytes({ key, tags, payload: prepared.payload }),
      account: recorder.account(agent),
      hits: 0,
      usedAt: createdAt,
    };
  }

  #entryOf(found: VerifiedEntry): MemoryEntry {
    const { key, agent, createdAt } = found.entry;
    const usedAt = this.#departed.cameBack(key) ?? createdAt;
    return toMemoryEntry(found, this.#parts.recorder.account(agent), usedAt);
  }

  #entryLeft(entry: MemoryEntry, why: 'evicted' | 'expired'): void {
    const { observers, time } = this.#parts;
    this.#departed.left(entry.key, entry.usedAt);
    if (why === 'expired' || !observers.wants('cache:evict')) return;
    const { key, agent, sizeBytes } = entry;
    observers.emit('cache:evict', { key, agent, tier: 'memory', sizeBytes, at: time.epochMs() });
  }
}
