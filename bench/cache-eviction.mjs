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

/**
 * What one entry costs that throws out a thousand others: microseconds for each of them, and the longest time of a
 * whole thousand in the quieter half of the rounds, which is one pause of the event loop.
 */
function evict(eviction, entries, evictions = 1_000, rounds = 15) {
  const all = Array.from({ length: entries }, (_, index) => entry(index));
  const maxSizeBytes = all.reduce((sum, one) => sum + one.sizeBytes, 0);
  const tier = new MemoryTier({ maxSizeBytes, maxEntries: Number.MAX_SAFE_INTEGER, eviction });
  for (const one of all) tier.set(one, 0);
  for (let count = 0; count < entries; count += 1) tier.get(all[(count * 7_919) % entries].key, 0);
  let next = entries;
  const times = [];
  for (let round = 0; round < rounds; round += 1) {
    const large = { ...entry(next++), sizeBytes: evictions * 1_000 };
    const before = tier.counters().evictions;
    const startedMs = performance.now();
    tier.set(large, 0);
    const tookMs = performance.now() - startedMs;
    times.push({ us: (tookMs * 1_000) / (tier.counters().evictions - before), ms: tookMs });
    tier.delete(large.key);
    for (let count = 0; count < evictions; count += 1) tier.set(entry(next++), 0);
  }
  // The quieter half: what else runs on the machine takes its time from the other one.
  const calm = times.sort((a, b) => a.ms - b.ms).slice(0, Math.ceil(rounds / 2));
  return { us: median(calm.map(({ us }) => us)), longestMs: calm.at(-1).ms };
}

export async function benchEviction() {
  for (const kind of ['lru', 'cost-aware']) {
    evict(kind, 20_000);
    const [single, double] = [evict(kind, 100_000), evict(kind, 200_000)];
    console.log(`\nEviction, ${kind}: one entry that takes the room of 1,000 others`);
    console.log(
      `  100,000 entries ${single.us.toFixed(2)} us each, 200,000 entries ${double.us.toFixed(2)} us`,
    );
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
