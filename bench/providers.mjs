// What a call through a provider costs beside the bare official client, against the model server of tutti/testing.
// The server runs in a process of its own, so that its work is not counted as ours.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CALLS = 1_000;
const LIMIT = 50;
const LATENCY_MS = 5;
const ROUNDS = 5;
const STREAMS = 200;
const CHUNKS = 500;

if (process.argv[2] === 'server') await serve();
else await main();

async function serve() {
  const { startModelServer } = await import('../dist/testing/index.js');
  const server = await startModelServer(({ isStream, body }) =>
    isStream
      ? {
          text: Array.from({ length: CHUNKS }, () => 'word '),
          chunkDelayMs: body.metadata === undefined ? 0 : 1,
        }
      : { text: 'an answer', delayMs: LATENCY_MS },
  );
  process.send?.(server.url);
  process.once('disconnect', () => server.close());
}

async function main() {
  const child = fork(fileURLToPath(import.meta.url), ['server']);
  const [url] = await once(child, 'message');
  try {
    await compareCalls(url);
    await compareStreams(url);
    await manyStreams(url);
  } finally {
    child.disconnect();
  }
}

async function compareCalls(url) {
  const { default: pLimit } = await import('p-limit');
  const bare = await bareClient(url);
  const { call, close } = await throughTutti(url);
  const body = bodyOf('say something');
  const limit = pLimit(LIMIT);
  const bareRun = () =>
    Promise.all(
      Array.from({ length: CALLS }, () => limit(() => bare.messages.create(body, { maxRetries: 0 }))),
    );
  const tuttiRun = () => call(Array.from({ length: CALLS }, (_, place) => `say something ${place}`));
  await bareRun();
  await tuttiRun();
  const ratios = [];
  const walls = { bare: [], tutti: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const [bareMs, tuttiMs] =
      round % 2 === 0 ? [await wallMs(bareRun), await wallMs(tuttiRun)] : await reversed(tuttiRun, bareRun);
    ratios.push(tuttiMs / bareMs);
    walls.bare.push(bareMs);
    walls.tutti.push(tuttiMs);
  }
  console.log(`${CALLS} calls, ${LATENCY_MS} ms latency, limit ${LIMIT}, median of ${ROUNDS} rounds`);
  console.log(`  official client + p-limit  ${median(walls.bare).toFixed(0)} ms`);
  console.log(`  tutti                      ${median(walls.tutti).toFixed(0)} ms`);
  console.log(`  wall time ratio            ${median(ratios).toFixed(3)}`);
  await close();
}

async function reversed(first, second) {
  const firstMs = await wallMs(first);
  return [await wallMs(second), firstMs];
}

async function compareStreams(url) {
  const bare = await bareClient(url);
  const { open, close } = await throughTutti(url);
  const bareChunk = [];
  const ourChunk = [];
  for (let round = 0; round < 60; round += 1) {
    const a = await timeStream(
      await bare.messages.create({ ...bodyOf('x'), stream: true }, { maxRetries: 0 }),
      isBareText,
    );
    const b = await timeStream(open(), isText);
    if (round < 10) continue;
    bareChunk.push(a.chunkMs);
    ourChunk.push(b.chunkMs);
  }
  const first = await firstTokens(bare, open);
  console.log(`\nstreams of ${CHUNKS} chunks, one at a time, medians`);
  console.log(
    `  first token: bare ${first.bare.toFixed(3)} ms, tutti ${first.tutti.toFixed(3)} ms, more ${(first.tutti - first.bare).toFixed(3)} ms`,
  );
  console.log(
    `  per chunk:   bare ${median(bareChunk).toFixed(4)} ms, tutti ${median(ourChunk).toFixed(4)} ms, more ${(median(ourChunk) - median(bareChunk)).toFixed(4)} ms`,
  );
  await close();
}

async function firstTokens(bare, open) {
  const times = { bare: [], tutti: [] };
  for (let round = 0; round < 100; round += 1) {
    times.bare.push(
      await untilFirst(
        async () => bare.messages.create({ ...bodyOf('x'), stream: true }, { maxRetries: 0 }),
        isBareText,
      ),
    );
    times.tutti.push(await untilFirst(async () => open(), isText));
  }
  return { bare: median(times.bare.slice(20)), tutti: median(times.tutti.slice(20)) };
}

async function untilFirst(open, isToken) {
  const startMs = performance.now();
  for await (const event of await open()) if (isToken(event)) return performance.now() - startMs;
  throw new Error('no token');
}

async function timeStream(events, isToken) {
  const startMs = performance.now();
  let firstAt;
  let tokens = 0;
  for await (const event of events) {
    if (!isToken(event)) continue;
    firstAt ??= performance.now();
    tokens += 1;
  }
  return { firstMs: firstAt - startMs, chunkMs: (performance.now() - firstAt) / (tokens - 1) };
}

async function manyStreams(url) {
  // With a limit, as most providers report one: what it costs to keep to it is part of the figure.
  const { open, close } = await throughTutti(url, STREAMS, { requestsPerMinute: 1_000_000 });
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  const params = { metadata: { user_id: 'slow' } };
  const results = await Promise.all(
    Array.from({ length: STREAMS }, () => timeStream(open({ params }), isText)),
  );
  const wall = performance.now() - startMs;
  const used = process.cpuUsage(cpu);
  console.log(
    `\n${STREAMS} streams at once, ${CHUNKS} chunks each, one every millisecond or as fast as the server can`,
  );
  console.log(
    `  wall ${wall.toFixed(0)} ms, first token p50 ${median(results.map((r) => r.firstMs)).toFixed(0)} ms`,
  );
  console.log(`  CPU per chunk ${((used.user + used.system) / (STREAMS * CHUNKS)).toFixed(1)} µs`);
  await close();
}

async function bareClient(baseURL) {
  const { Anthropic } = await import('@anthropic-ai/sdk');
  return new Anthropic({ apiKey: 'k', baseURL, maxRetries: 0 });
}

async function throughTutti(baseURL, maxConcurrent = LIMIT, limits = undefined) {
  const { anthropic } = await import('../dist/providers/index.js');
  const { AsyncOrchestrator } = await import('../dist/index.js');
  const connections = Math.max(64, maxConcurrent);
  const agent = anthropic({ model: 'claude-haiku-4-5', apiKey: 'k', baseURL, connections });
  const orchestrator = new AsyncOrchestrator({ agents: { writer: agent }, maxConcurrent, limits });
  return {
    call: async (tasks) => {
      const results = await orchestrator.executeMultiple(tasks.map((task) => ['writer', task]));
      for (const result of results) if (!result.success) throw result.error;
    },
    open: (options) => orchestrator.stream('writer', 'x', options),
    close: () => orchestrator.close(),
  };
}

function bodyOf(content) {
  return { model: 'claude-haiku-4-5', max_tokens: 4_096, messages: [{ role: 'user', content }] };
}

function isBareText(event) {
  return event.type === 'content_block_delta';
}

function isText(event) {
  return event.type === 'text-delta';
}

async function wallMs(run) {
  const startMs = performance.now();
  await run();
  return performance.now() - startMs;
}

function median(values) {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)];
}
