import { AgentAccount } from '../dist/cache/cache-stats.js';
import { createEvictionOrder } from '../dist/cache/eviction.js';
import { MemoryTier } from '../dist/cache/tiers/memory-tier.js';
import { check, median } from './cache-measure.mjs';

const account = new AgentAccount();
const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
const entry = (index) => ({
  key: `key${index.toString(16).padStart(29, '0')}`,
  agent: 'agent',
  tags: [],
  answer: { output: 'x', usage, costUsd: 0.001 + (index % 97) / 1_000 },
  createdAt: 0,
  expiresAt: 1e12 + index,
  staleUntil: 1e12 + index,
  sizeBytes: 500 + (index % 1_000),
  account,
  hits: 0,
  usedAt: 0,
});

/** Microseconds per eviction and the longest single one in milliseconds, of a tier that holds so many entries. */
function evict(eviction, entries, evictions = 1_000, rounds = 9) {
  const tier = new MemoryTier({ maxSizeBytes: Number.MAX_SAFE_INTEGER, maxEntries: entries, eviction });
  let next = 0;
  for (; next < entries; next += 1) tier.set(entry(next), 0);
  for (let count = 0; count < entries; count += 1) tier.get(entry((count * 7_919) % entries).key, 0);
  const perEviction = [];
  let longestMs = 0;
  for (let round = 0; round < rounds; round += 1) {
    const fresh = Array.from({ length: evictions }, () => entry(next++));
    const startedMs = performance.now();
    for (const one of fresh) tier.set(one, 0);
    const tookMs = performance.now() - startedMs;
    perEviction.push((tookMs * 1_000) / evictions);
    longestMs = Math.max(longestMs, tookMs);
  }
  return { us: median(perEviction), longestMs };
}

export async function benchEviction() {
  for (const kind of ['lru', 'cost-aware']) {
    evict(kind, 20_000);
    const [single, double] = [evict(kind, 100_000), evict(kind, 200_000)];
    console.log(`\nEviction, ${kind}: storing into a full tier, the new entry included`);
    console.log(`  100,000 entries ${single.us.toFixed(2)} us, 200,000 entries ${double.us.toFixed(2)} us`);
    check('an eviction among 100,000', single.us, 3, 'us');
    check('1,000 of them in one go', single.longestMs, 5, 'ms');
    check('twice the entries', double.us / single.us, 1.3);
    const order = createEvictionOrder(kind);
    for (let index = 0; index < 100_000; index += 1) order.add(`k${index}`, 1_000, 0.01, 0);
    const startedMs = performance.now();
    for (let index = 0; index < 1_000; index += 1) order.remove(order.victim());
    console.log(`  the order alone: ${(performance.now() - startedMs).toFixed(2)} us each`);
  }
}
