import { check, median } from './cache-measure.mjs';
import { importInside } from './inside.mjs';

const { AgentAccount, createEvictionOrder, MemoryTier } = await importInside(
  'cache/cache-stats.ts',
  'cache/eviction.ts',
  'cache/tiers/memory-tier.ts',
);

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
 * One entry throws out a thousand others, many times over: microseconds for each of them, and the longest time of a
 * whole thousand, which is one pause of the event loop; in the quieter half of the rounds, and in all of them.
 */
function evicting(eviction, entries, evictions = 1_000) {
  const all = Array.from({ length: entries }, (_, index) => entry(index));
  const maxSizeBytes = all.reduce((sum, one) => sum + one.sizeBytes, 0);
  const tier = new MemoryTier({ maxSizeBytes, maxEntries: Number.MAX_SAFE_INTEGER, eviction });
  for (const one of all) tier.set(one, 0);
  for (let count = 0; count < entries; count += 1) tier.get(all[(count * 7_919) % entries].key, 0);
  let next = entries;
  const times = [];
  const round = () => {
    const large = { ...entry(next++), sizeBytes: evictions * 1_000 };
    const before = tier.counters().evictions;
    const [startedMs, cpu] = [performance.now(), process.cpuUsage()];
    tier.set(large, 0);
    const tookMs = performance.now() - startedMs;
    const { user, system } = process.cpuUsage(cpu);
    const evicted = tier.counters().evictions - before;
    times.push({ us: (tookMs * 1_000) / evicted, ms: tookMs, cpuMs: (user + system) / 1_000 });
    tier.delete(large.key);
    for (let count = 0; count < evictions; count += 1) tier.set(entry(next++), 0);
  };
  const result = () => {
    // The quieter half: what else runs on the machine takes its time from the other one.
    const byTime = times.sort((a, b) => a.ms - b.ms);
    const calm = byTime.slice(0, Math.ceil(times.length / 2));
    const { ms: maxMs, cpuMs: maxCpuMs } = byTime.at(-1);
    return { us: median(calm.map(({ us }) => us)), longestMs: calm.at(-1).ms, maxMs, maxCpuMs };
  };
  return { round, result };
}

const ROUNDS = 31;

export async function benchEviction() {
  for (const kind of ['lru', 'cost-aware']) {
    const warmUp = evicting(kind, 20_000);
    for (let count = 0; count < 15; count += 1) warmUp.round();
    const sizes = [evicting(kind, 100_000), evicting(kind, 200_000)];
    for (let count = 0; count < ROUNDS; count += 1) for (const { round } of sizes) round();
    const [single, double] = sizes.map(({ result }) => result());
    console.log(`\nEviction, ${kind}: one entry that takes the room of 1,000 others`);
    console.log(
      `  100,000 entries ${single.us.toFixed(2)} us each, 200,000 entries ${double.us.toFixed(2)} us`,
    );
    check('an eviction among 100,000', single.us, 3, 'us');
    check('1,000 of them in one go', single.longestMs, 5, 'ms');
    console.log(
      `  the longest of all ${ROUNDS} rounds: ${single.maxMs.toFixed(2)} ms, of them ${single.maxCpuMs.toFixed(2)} ms of processor time`,
    );
    check('twice the entries', double.us / single.us, 1.3);
    const order = createEvictionOrder(kind);
    for (let index = 0; index < 100_000; index += 1) order.add(`k${index}`, 1_000, 0.01, 0);
    const startedMs = performance.now();
    for (let index = 0; index < 1_000; index += 1) order.remove(order.victim());
    console.log(`  the order alone: ${(performance.now() - startedMs).toFixed(2)} us each`);
  }
}
