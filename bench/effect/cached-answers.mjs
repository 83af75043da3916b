// A call answered from the cache beside the work that it saves: a handler of 200 ms behind HTTP, and a provider of 2 s.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { cached } from '../../dist/cache/index.js';
import { AsyncOrchestrator } from '../../dist/index.js';
import { processorUs, timeEach } from './latencies.mjs';

const HANDLER_MS = 200;
const PROVIDER_MS = 2_000;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function benchCachedAnswers(report) {
  report.section('A route with a handler of 200 ms');
  await benchRoute(report);
  report.section('A provider of 2 s');
  await benchProvider(report);
  report.section('Processor time of a request with 20 kB of JSON to work through');
  await benchProcessor(report);
}

async function benchRoute(report) {
  const work = async (path) => {
    await wait(HANDLER_MS);
    return { path, status: 'ok' };
  };
  const kept = cached(work, { name: 'status', ttlMs: 60_000 });
  const server = createServer(async (request, response) => {
    const answer = request.url === '/cached' ? await kept('/status') : await work('/status');
    response.end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${server.address().port}`;
  const ask = async (path) => (await fetch(`${base}${path}`)).json();
  await ask('/cached');
  await timeEach(200, () => ask('/cached'));
  const plain = await timeEach(20, () => ask('/plain'));
  const hits = await timeEach(1_000, () => ask('/cached'));
  report.times('route, not cached', plain);
  report.times('route, cached', hits);
  report.atLeast('times as fast as the handler, median of cached route', plain.p50Ms / hits.p50Ms, 40, 'x');
  server.closeAllConnections();
  server.close();
}

async function benchProvider(report) {
  const agents = { expert: async (task) => wait(PROVIDER_MS).then(() => `An answer to ${task}.`) };
  const orchestrator = new AsyncOrchestrator({ agents, cache: true, maxConcurrent: 100 });
  const tasks = Array.from({ length: 100 }, (_, index) => `question ${index}`);
  const timesMs = await Promise.all(
    tasks.map(async (task) => (await orchestrator.execute('expert', task)).timings.totalMs),
  );
  const slowest = Math.min(...timesMs);
  await timeEach(2_000, (index) => orchestrator.execute('expert', tasks[index % 100]));
  const hits = await timeEach(10_000, (index) => orchestrator.execute('expert', tasks[index % 100]));
  report.times('cached answer', hits);
  report.atMost('cached answer, p99', hits.p99Ms, 1, 'ms');
  report.atLeast('times as fast as the provider, p99 of the hits', slowest / hits.p99Ms, 2_000, 'x');
  await orchestrator.close();
}

/** What a handler does with a processor: it parses, picks, sorts and writes. */
async function benchProcessor(report) {
  const rows = Array.from({ length: 200 }, (_, id) => ({
    id,
    title: `Row ${id}`,
    words: 'word '.repeat(15),
  }));
  const text = JSON.stringify(rows);
  const handle = (path) => {
    const parsed = JSON.parse(text);
    parsed.sort((a, b) => b.id - a.id);
    return { path, rows: parsed.slice(0, 20) };
  };
  const kept = cached(async (path) => handle(path), { name: 'rows' });
  for (let index = 0; index < 500; index += 1) {
    handle(`/${index % 50}`);
    await kept(`/${index % 50}`);
  }
  const ratios = [];
  let [plainUs, cachedUs] = [0, 0];
  for (let round = 0; round < 5; round += 1) {
    plainUs = await processorUs(2_000, (index) => handle(`/${index % 50}`));
    cachedUs = await processorUs(2_000, (index) => kept(`/${index % 50}`));
    ratios.push(cachedUs / plainUs);
  }
  report.figure('processor time, not cached', plainUs, 'us');
  report.figure('processor time, cached', cachedUs, 'us');
  report.atMost('processor time of a cached request, share of another', ratios.sort()[2], 0.7, 'x');
}
