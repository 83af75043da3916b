import type { HitTier } from '../contracts/cache-events.js';
import type { UnsealedEntry } from './cache-entry.js';
import type { AgentAccount } from './cache-stats.js';
import type { CacheHit } from './cached-answer.js';
import type { MemoryEntry } from './tiers/memory-tier.js';
import type { VerifiedEntry } from './tiers/tier-stack.js';

/** No tags: the same list for all entries without any. */
export const NO_TAGS: readonly string[] = Object.freeze([]);

/** An entry as its reader is given it. */
export function toHit(entry: MemoryEntry, tier: HitTier, nowMs: number): CacheHit {
  const { answer, createdAt, expiresAt, hits } = entry;
  const hit: Mutable<CacheHit> = {
    output: answer.output,
    usage: answer.usage,
    costUsd: answer.costUsd,
    tier,
    ageMs: Math.max(0, Math.floor(nowMs - createdAt)),
    hits,
    createdAt,
    expiresAt,
    stale: nowMs >= expiresAt,
  };
  if (answer.data !== undefined) hit.data = answer.data;
  if (answer.model !== undefined) hit.model = answer.model;
  if (answer.finishReason !== undefined) hit.finishReason = answer.finishReason;
  if (answer.steps !== undefined) hit.steps = answer.steps;
  if (answer.events !== undefined) hit.events = answer.events;
  if (answer.source !== undefined) hit.source = answer.source;
  return hit;
}

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] };

/** An entry from the tiers below as memory keeps it. */
export function toMemoryEntry(
  { entry, answer }: VerifiedEntry,
  account: AgentAccount,
  usedAt: number,
): MemoryEntry {
  const { key, agent, createdAt, expiresAt, staleUntil, sizeBytes, hits } = entry;
  const tags = entry.tags.length === 0 ? NO_TAGS : Object.freeze([...entry.tags]);
  return { key, agent, tags, answer, createdAt, expiresAt, staleUntil, sizeBytes, account, hits, usedAt };
}

/** An entry as the tiers below memory are given it. */
export function toUnsealed(entry: MemoryEntry, payload: string): UnsealedEntry {
  const { key, agent, tags, createdAt, expiresAt, staleUntil, answer } = entry;
  return {
    key,
    agent,
    tags,
    createdAt,
    expiresAt,
    staleUntil,
    payload,
    costUsd: answer.costUsd ?? 0,
    hits: 0,
  };
}
