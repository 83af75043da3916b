// Hits by tier: what memory answers of a skewed load, and what a hit costs in memory and on disk.
import { join } from 'node:path';
import { ResponseCache } from '../../dist/cache/index.js';
import { importInside } from '../inside.mjs';
import { median } from '../statistics.mjs';
import { timeEach } from './latencies.mjs';

const secret = 'only for measuring, 32 bytes long';
const output = 'A decorator is a function that takes a function. '.repeat(40);
const requestOf = (index) => ({ agent: 'expert', task: `Explain decorator number ${index}`, model: 'm' });

export async function benchTiers(report, folder) {
  const { zipfPicker, randomFrom, parsePayload, prepareAnswer } = await importInside(
    'testing/request-trace.ts',
    'cache/cached-answer.ts',
  );
  report.section('10,000 requests of a skewed load over 1,000 keys, half of them fit in memory');
  await benchShares(report, folder, zipfPicker(1_000, 1, randomFrom(7)));
  report.section('A hit in memory and on disk, 2 kB');
  await benchHits(report, folder);
  report.section('Reading a stored entry of 2 kB');
  benchEntries(report, prepareAnswer, parsePayload);
}

async function benchShares(report, folder, pick) {
  const bytesEach = output.length + 250;
  const cache = new ResponseCache({
    directory: join(folder, 'shares'),
    secret,
    maxMemoryBytes: 500 * bytesEach,
  });
  for (let index = 0; index < 10_000; index += 1) {
    await cache.getOrCompute(requestOf(pick()), () => ({ output }));
  }
  const { hitRatio, hits, hitsByTier } = await cache.stats();
  report.figure('share of requests that were hits', hitRatio);
  report.atLeast('share of the hits that memory had', hitsByTier.memory / hits, 0.9);
  await cache.close();
}

async function benchHits(report, folder) {
  const directory = join(folder, 'hits');
  const inMemory = new ResponseCache();
  const onDisk = new ResponseCache({ directory, secret, maxMemoryBytes: 1 });
  for (let index = 0; index < 1_000; index += 1) {
    for (const cache of [inMemory, onDisk]) await cache.set(requestOf(index), { output });
  }
  await onDisk.flush();
  const at = (cache) => (index) => cache.get(requestOf((index * 7) % 1_000));
  await timeEach(5_000, at(inMemory));
  await timeEach(1_000, at(onDisk));
  const memory = await timeEach(20_000, at(inMemory));
  const disk = await timeEach(3_000, at(onDisk));
  const misses = await timeEach(5_000, (index) => inMemory.get(requestOf(index + 1e6)));
  // As long as a call is on the event loop: the writing itself is not waited for.
  const sets = await timeEach(2_000, (index) => void onDisk.set(requestOf(index % 1_000), { output }));
  report.times('hit in memory', memory);
  report.times('hit on disk', disk);
  report.times('miss', misses);
  report.times('set, on the event loop', sets);
  report.figure('disk to memory, medians', disk.p50Ms / memory.p50Ms, 'x');
  report.atMost('hit in memory, p99', memory.p99Ms, 0.1, 'ms');
  report.atMost('miss, p99', misses.p99Ms, 1, 'ms');
  report.atMost('set on the event loop, p99', sets.p99Ms, 1, 'ms');
  await Promise.all([inMemory.close(), onDisk.close()]);
}

/** What checking and freezing an entry add to `JSON.parse`, which both need. */
function benchEntries(report, prepareAnswer, parsePayload) {
  const usage = { inputTokens: 60, outputTokens: 500 };
  const { payload } = prepareAnswer({ output, usage, costUsd: 0.008, model: 'm', finishReason: 'stop' });
  const perCallUs = (read) => {
    const startedMs = performance.now();
    for (let index = 0; index < 20_000; index += 1) read(payload);
    return ((performance.now() - startedMs) * 1_000) / 20_000;
  };
  const ratios = [];
  const medians = { plain: [], validated: [] };
  for (let round = -2; round < 15; round += 1) {
    const plain = perCallUs(JSON.parse);
    const validated = perCallUs(parsePayload);
    if (round < 0) continue;
    medians.plain.push(plain);
    medians.validated.push(validated);
    ratios.push(validated / plain);
  }
  report.figure('JSON.parse alone', median(medians.plain), 'us');
  report.figure('validated and frozen', median(medians.validated), 'us');
  report.atMost('validated entry to JSON.parse', median(ratios), 1.3, 'x');
}
