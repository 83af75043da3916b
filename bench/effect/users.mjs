// 5 to 100 users at once, with tasks of their own, against a provider with real limits: it is slow, rejects what is too
// much at once, and fails now and then. And the same load before and after: plain calls, and through an orchestrator.
import pLimit from 'p-limit';
import { AsyncOrchestrator } from '../../dist/index.js';
import { anthropic } from '../../dist/providers/index.js';
import { startModelServer } from '../../dist/testing/index.js';
import { importInside } from '../inside.mjs';
import { percentiles } from './latencies.mjs';

const LATENCY_MS = 30;
const FAILS_ONE_IN = 50;
/** What the provider takes at once; it rejects what is more. */
const MOST_AT_ONCE = 50;
/** How many calls each client lets run at once. */
const MAX_CONCURRENT = 40;
const REQUESTS_EACH = 40;
const TASKS = 400;
const PROFILES = [
  [5, 0.98],
  [20, 0.95],
  [50, 0.9],
  [100, 0.8],
];

export async function benchUsers(report) {
  const { zipfPicker, randomFrom } = await importInside('testing/request-trace.ts');
  const server = await startModelServer(limitedModel());
  try {
    for (const [users, success] of PROFILES) {
      report.section(`${users} users, ${REQUESTS_EACH} requests each, one after the other`);
      const pick = zipfPicker(TASKS, 1, randomFrom(users));
      checkLoad(report, await throughTutti(server, users, pick), success);
    }
    report.section(
      'Before and after: 50 users, plain calls of the official client and an orchestrator with a cache',
    );
    const plain = await plainCalls(server, 50, zipfPicker(TASKS, 1, randomFrom(50)));
    const ours = await throughTutti(server, 50, zipfPicker(TASKS, 1, randomFrom(50)));
    compareLoads(report, plain, ours);
  } finally {
    await server.close();
  }
}

/** Answers after a while, rejects what is too much at once, and is overloaded now and then. */
function limitedModel() {
  let [requests, running] = [0, 0];
  return () => {
    requests += 1;
    if (running >= MOST_AT_ONCE) return { status: 429, headers: { 'retry-after': '1' } };
    if (requests % FAILS_ONE_IN === 0) return { status: 529 };
    running += 1;
    setTimeout(() => {
      running -= 1;
    }, LATENCY_MS);
    return { text: 'An answer of the model. '.repeat(20), delayMs: LATENCY_MS };
  };
}

async function throughTutti(server, users, pick) {
  const expert = anthropic({
    model: 'claude-haiku-4-5',
    apiKey: 'k',
    baseURL: server.url,
    params: { maxTokens: 100 },
  });
  const orchestrator = new AsyncOrchestrator({
    agents: { expert },
    cache: true,
    maxConcurrent: MAX_CONCURRENT,
    retry: { minDelayMs: 50 },
    limits: { requestsPerMinute: 12_000, maxConcurrent: MAX_CONCURRENT },
  });
  await orchestrator.execute('expert', 'warm up');
  let hits = 0;
  const load = await loadOf(users, pick, async (task) => {
    const { cached } = await orchestrator.execute('expert', task);
    if (cached !== false) hits += 1;
  });
  await orchestrator.close();
  return { ...load, hitShare: hits / load.times.calls };
}

async function plainCalls(server, users, pick) {
  const { default: Anthropic } = await import('@anthropic-ai/sdk');
  const client = new Anthropic({ apiKey: 'k', baseURL: server.url, maxRetries: 2 });
  const limit = pLimit(MAX_CONCURRENT);
  const ask = (content) =>
    limit(() =>
      client.messages.create({
        model: 'claude-haiku-4-5',
        max_tokens: 100,
        messages: [{ role: 'user', content }],
      }),
    );
  await ask('warm up');
  return await loadOf(users, pick, ask);
}

/** Every user asks one question after the other; all have come after half a second. */
async function loadOf(users, pick, ask) {
  const timesMs = [];
  let failed = 0;
  global.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const startedMs = performance.now();
  const user = async (_, place) => {
    await new Promise((resolve) => setTimeout(resolve, (place * 500) / users));
    for (let count = 0; count < REQUESTS_EACH; count += 1) {
      const task = `What is number ${pick()}?`;
      const askedMs = performance.now();
      try {
        await ask(task);
      } catch {
        failed += 1;
      }
      timesMs.push(performance.now() - askedMs);
    }
  };
  await Promise.all(Array.from({ length: users }, user));
  const seconds = (performance.now() - startedMs) / 1_000;
  const requests = timesMs.length;
  return {
    times: percentiles(timesMs),
    success: (requests - failed) / requests,
    perSecond: requests / seconds,
    heapMb: Math.max(0, process.memoryUsage().heapUsed - heapBefore) / 1e6,
  };
}

function checkLoad(report, load, success) {
  const { times, perSecond } = load;
  report.times('a request', times);
  report.atLeast('share of requests that succeeded', load.success, success);
  report.atLeast('requests a second', perSecond, 5);
  report.atMost('time of a request, p95', times.p95Ms, 500, 'ms');
  report.atLeast('share of requests that the cache or a running call answered', load.hitShare, 0.4);
}

function compareLoads(report, plain, ours) {
  report.times('before: a request', plain.times);
  report.times('after: a request', ours.times);
  report.figure('before: requests a second', plain.perSecond);
  report.figure('after: requests a second', ours.perSecond);
  report.figure('before: heap', plain.heapMb, 'MB');
  report.figure('after: heap', ours.heapMb, 'MB');
  report.atLeast('throughput after to before', ours.perSecond / plain.perSecond, 1.5, 'x');
  report.atMost('p95 after to before', ours.times.p95Ms / plain.times.p95Ms, 0.6, 'x');
}
