export type {
  CacheEntryEvent,
  CacheErrorEvent,
  CacheEvent,
  CacheEventName,
  CacheEvents,
  CacheEvictEvent,
  CacheHitEvent,
  CacheRejectEvent,
  CacheRevalidateErrorEvent,
  CacheSkipEvent,
  CacheWriteEvent,
  HitTier,
  NotStored,
} from '../contracts/cache-events.js';
export { type BatchOptions, batch } from './batch.js';
export type { CacheRequest } from './cache-key.js';
export type { CacheObserver, IsListening } from './cache-observers.js';
export type { ResponseCacheOptions } from './cache-options.js';
export type { AgentExclusion } from './cache-policy.js';
export type { AgentCacheStats, CacheStats } from './cache-stats.js';
export { type CacheableOptions, type CacheableStore, cacheable } from './cacheable.js';
export { type CachedFunction, type CachedOptions, cached } from './cached.js';
export type { CacheAnswer, CacheHit, CacheHitAs, CacheValue, StoredAnswer } from './cached-answer.js';
export {
  type AsyncMethod,
  type CachedMethodDecorator,
  type CachedMethodOptions,
  cachedMethod,
  invalidateMethod,
} from './cached-method.js';
export type { ComputeAnswer, GetOrComputeOptions } from './compute-once.js';
export { getDefaultCache, setDefaultCache } from './default-cache.js';
export type { EvictionKind } from './eviction.js';
export type { NamespaceSettings } from './namespaces.js';
export type { NormalizeOptions } from './normalize-task.js';
export {
  type CacheClearOptions,
  type CacheGetOptions,
  type InvalidationListener,
  ResponseCache,
} from './response-cache.js';
export type { CacheSetOptions } from './set-options.js';
export type { KeyvLike } from './tiers/keyv-tier.js';
export type { VerifyReport } from './tiers/tier-stack.js';
export type { TtlAdvice } from './ttl-advice.js';
export { CACHE_TTL_MS, type TtlPreset } from './ttl-presets.js';
export type { WarmOptions, WarmReport } from './warming.js';
