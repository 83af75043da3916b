// What `forecast` says of five runs against limits that nobody has stated, and what they then take. The provider is the
// model server of tutti/testing over HTTP, in this process.
//
//   npm run bench:forecast                    time twenty times as fast
//   FORECAST_SCALE=5 npm run bench:forecast   closer to real time (takes minutes)
import { speedUpTime } from './traffic/fast-time.mjs';
import { seeded } from './traffic/workload.mjs';

const SCALE = Number(process.env.FORECAST_SCALE ?? 20);
const WINDOW_MS = 60_000;
const MODEL = 'bench-model';
const PRICES = { [MODEL]: { inputUsd: 3, outputUsd: 15 } };

speedUpTime(SCALE);
const { AsyncOrchestrator } = await import('../dist/index.js');
const { openai } = await import('../dist/providers/index.js');
const { startModelServer } = await import('../dist/testing/index.js');

const WORKLOADS = [
  {
    name: 'as many at once as allowed',
    limits: {},
    maxConcurrent: 8,
    warmUp: 80,
    calls: 300,
    longest: 1_500,
  },
  {
    name: 'requests a minute, reported',
    limits: { requests: 300, isReported: true },
    maxConcurrent: 40,
    warmUp: 350,
    calls: 900,
    longest: 600,
  },
  {
    name: 'tokens a minute, reported',
    limits: { tokens: 120_000, isReported: true },
    maxConcurrent: 40,
    warmUp: 350,
    calls: 900,
    longest: 2_400,
  },
  {
    name: 'requests at once, unstated',
    limits: { atOnce: 6 },
    maxConcurrent: 30,
    warmUp: 250,
    calls: 500,
    longest: 1_500,
  },
  {
    name: 'requests a minute, unstated',
    limits: { requests: 150 },
    maxConcurrent: 20,
    warmUp: 450,
    calls: 600,
    longest: 900,
    repeats: 4,
    cache: true,
  },
];

/** Answers of a provider that rejects what is too much. */
function limitedScript(limits) {
  const random = seeded(11);
  let accepted = [];
  let running = 0;
  const state = { requests: 0, rejected: 0 };
  const script = ({ body }) => {
    state.requests += 1;
    const nowMs = performance.now();
    accepted = accepted.filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
    const chars = JSON.stringify(body.messages ?? body.input).length;
    const usage = {
      inputTokens: 40 + Math.round(chars / 4),
      outputTokens: Math.round((20 + chars / 10) * (0.4 + 1.2 * random())),
    };
    const tokens = usage.inputTokens + usage.outputTokens;
    const used = accepted.reduce((sum, one) => sum + one.tokens, 0);
    const isBusy = running >= (limits.atOnce ?? Infinity);
    const isFull =
      accepted.length >= (limits.requests ?? Infinity) || used + tokens > (limits.tokens ?? Infinity);
    if (isBusy || isFull) {
      state.rejected += 1;
      const roomMs = isBusy ? undefined : Math.max(1_000, accepted[0].atMs + WINDOW_MS - nowMs);
      const headers = roomMs === undefined ? {} : { 'retry-after': String(Math.ceil(roomMs / 1_000)) };
      return { status: 429, headers: { ...headers, ...report(limits, accepted, used, nowMs) } };
    }
    accepted.push({ atMs: nowMs, tokens });
    running += 1;
    const delayMs = (200 + 8 * usage.outputTokens) * (0.7 + 0.6 * random());
    setTimeout(() => {
      running -= 1;
    }, delayMs);
    return { usage, delayMs, headers: report(limits, accepted, used + tokens, nowMs) };
  };
  return { script, state };
}

/** Headers as OpenAI sends them. */
function report(limits, accepted, used, nowMs) {
  if (!limits.isReported) return {};
  const resetS = accepted.length === 0 ? 0 : (accepted.at(-1).atMs + WINDOW_MS - nowMs) / 1_000;
  const of = (quantity, limit, left) => ({
    [`x-ratelimit-limit-${quantity}`]: String(limit),
    [`x-ratelimit-remaining-${quantity}`]: String(Math.max(0, left)),
    [`x-ratelimit-reset-${quantity}`]: `${resetS.toFixed(3)}s`,
  });
  return {
    ...(limits.requests && of('requests', limits.requests, limits.requests - accepted.length)),
    ...(limits.tokens && of('tokens', limits.tokens, limits.tokens - used)),
  };
}

const TEXT = 'The orchestra tunes its strings while the hall fills. ';

function tasksOf(count, seed, longest, repeats) {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, index) => {
    const isRepeat = repeats !== undefined && random() < 1 / repeats;
    const chars = isRepeat ? 50 : 50 + Math.floor(random() * longest);
    const name = isRepeat ? Math.floor(random() * 5) : `${seed} ${index}`;
    return ['asked', `${name} ${TEXT.repeat(Math.ceil(chars / TEXT.length)).slice(0, chars)}`];
  });
}

async function play(workload) {
  const { script, state } = limitedScript(workload.limits);
  const server = await startModelServer(script);
  try {
    return await compare(workload, server, state);
  } finally {
    await server.close();
  }
}

/** Lets the orchestrator learn from some calls, forecasts the others, and makes them. */
async function compare({ maxConcurrent, warmUp, calls, longest, repeats, cache = false }, server, state) {
  const orchestrator = new AsyncOrchestrator({
    agents: {
      asked: openai({ model: MODEL, api: 'chat', baseURL: server.openaiURL, apiKey: 'key', prices: PRICES }),
    },
    maxConcurrent,
    maxRetries: 8,
    timeoutMs: 120_000,
    cache,
  });
  await orchestrator.executeMultiple(tasksOf(warmUp, 1, longest, repeats));
  const tasks = tasksOf(calls, 2, longest, repeats);
  const before = state.requests;
  const startedMs = performance.now();
  const forecast = await orchestrator.forecast(tasks);
  const forecastMs = (performance.now() - startedMs) / SCALE;
  const requests = state.requests - before;
  const runMs = performance.now();
  const outcomes = await orchestrator.executeMultiple(tasks);
  const wallMs = performance.now() - runMs;
  const costUsd = outcomes.reduce((sum, outcome) => sum + (outcome.costUsd ?? 0), 0);
  const failed = outcomes.filter(({ success }) => !success).length;
  await orchestrator.close();
  return { forecast, requests, forecastMs, costUsd, wallMs, failed };
}

const seconds = (ms) => (ms / 1_000).toFixed(0);
const percent = (real, expected) => `${((real / expected - 1) * 100).toFixed(1)} %`;
const cells = [
  'workload',
  'dollars p50',
  'real',
  'off by',
  'seconds p10..p50..p90',
  'real',
  'off by',
  'requests',
  'took',
];
console.log(`| ${cells.join(' | ')} |\n| ${cells.map(() => '---').join(' | ')} |`);
for (const workload of WORKLOADS) {
  const { forecast, requests, forecastMs, costUsd, wallMs, failed } = await play(workload);
  const { p10, p50, p90 } = forecast.wallMs;
  const row = [
    workload.name + (failed > 0 ? ` (${failed} failed)` : ''),
    forecast.costUsd.p50.toFixed(3),
    costUsd.toFixed(3),
    percent(costUsd, forecast.costUsd.p50),
    `${seconds(p10)}..${seconds(p50)}..${seconds(p90)}`,
    seconds(wallMs),
    percent(wallMs, p50),
    requests,
    `${forecastMs.toFixed(0)} ms`,
  ];
  console.log(`| ${row.join(' | ')} |`);
}
