// The troubles, one row each. Everything a client needs to know stands in its row: `limit` calls at once, `maxRetries`,
// `timeoutMs` of an attempt. `script(request)` says what the server does with a request instead of answering after
// `latencyMs`; `request` is `{ call, attempt, nowMs }`: the call's number, which of the call's requests it is (from 1),
// and the milliseconds since the row began. `isAsked` marks a failure that belongs to the call's own script: whatever a
// client does, it cannot spare the request that meets it.
import { chance } from './random.mjs';

const FAST_MODEL = 'claude-haiku-4-5';
const OTHER_MODEL = 'claude-sonnet-4-5';

const DEFAULTS = {
  limit: 10,
  maxRetries: 2,
  timeoutMs: 30_000,
  latencyMs: 50,
  models: [FAST_MODEL],
  /** Models whose port is closed. */
  deadModels: [],
  /** From when until when the provider's port is closed, in milliseconds since the row began. */
  awayMs: undefined,
  limitShape: undefined,
  headers: 'anthropic',
  agents: 'anthropic',
  /** Options of the orchestrator besides. */
  options: {},
  /** Runs one client at a time: so many requests a second that clients side by side would be in each other's way. */
  isAlone: false,
  script: () => undefined,
};

const fails = (status, headers = {}) => ({ status, headers, isAsked: true });
const down = (status = 503) => ({ status, headers: {} });

const onFirst =
  (status, headers) =>
  ({ attempt }) =>
    attempt === 1 ? fails(status, headers) : undefined;

const ROWS = [
  {
    name: '429-after-2s',
    trouble: '50 calls at once, each meets one 429 with `retry-after: 2`',
    calls: 50,
    limit: 50,
    script: onFirst(429, { 'retry-after': '2' }),
  },
  {
    name: '429-bare',
    trouble: '50 calls at once, each meets one 429 without a header',
    calls: 50,
    limit: 50,
    script: onFirst(429),
  },
  {
    name: '503-once',
    trouble: '100 calls at limit 10, each fails once with 503',
    calls: 100,
    script: onFirst(503),
  },
  {
    name: 'quarter-fails',
    trouble: '400 calls at limit 20, a quarter of the requests fail with 503 or 529',
    calls: 400,
    limit: 20,
    script: ({ call, attempt }) => {
      const draw = chance('quarter', call, attempt);
      return draw < 0.25 ? fails(draw < 0.125 ? 503 : 529) : undefined;
    },
  },
  {
    name: 'down-2s',
    trouble: '30 calls at limit 5, provider down for 2 s (503)',
    calls: 30,
    limit: 5,
    latencyMs: 150,
    script: ({ nowMs }) => (nowMs < 2_000 ? down() : undefined),
  },
  {
    name: 'down-2s-refused',
    trouble: '30 calls at limit 5, provider refuses connections for 2 s',
    calls: 30,
    limit: 5,
    latencyMs: 150,
    awayMs: [0, 2_000],
  },
  {
    name: 'bucket-60-3s',
    trouble: 'a lane that says 60 requests, refilled within 3 s (reset header), 300 calls',
    calls: 300,
    limitShape: { bucket: { capacity: 60, refillMs: 3_000 } },
  },
  {
    name: 'bucket-3000-minute',
    trouble: 'a token bucket of 3,000 a minute, 3,300 calls at limit 50 (ideal 6 s)',
    calls: 3_300,
    limit: 50,
    isAlone: true,
    limitShape: { bucket: { capacity: 3_000, refillMs: 60_000 } },
  },
  ...[
    ['function-500', 'no options', {}],
    ['function-500-breaker', '`breaker: {}`', { breaker: {} }],
    ['function-500-hedge', '`hedge: { afterMs: 1_000 }`', { hedge: { afterMs: 1_000 } }],
  ].map(([name, what, options]) => ({
    name,
    trouble: `100 function agents' calls that fail once with 500: ${what}`,
    calls: 100,
    agents: 'function',
    options,
    script: onFirst(500),
  })),
  {
    name: '429-two-percent',
    trouble: '1,000 calls at limit 50, 2 % of the requests meet a 429 with `retry-after-ms: 200`',
    calls: 1_000,
    limit: 50,
    latencyMs: 80,
    isAlone: true,
    script: ({ call, attempt }) =>
      chance('rare', call, attempt) < 0.02 ? fails(429, { 'retry-after-ms': '200' }) : undefined,
  },
  ...[
    ['away-1s', '', {}],
    ['away-1s-breaker', ', `breaker: { openMs: 500 }`', { breaker: { openMs: 500 } }],
  ].map(([name, what, options]) => ({
    name,
    trouble: `2,000 calls at limit 50, \`maxRetries: 8\`, the provider is away for 1 s (refused)${what}`,
    calls: 2_000,
    limit: 50,
    maxRetries: 8,
    latencyMs: 100,
    isAlone: true,
    awayMs: [1_000, 2_000],
    options,
  })),
  {
    name: '503-twice',
    trouble: '24 calls that each meet two 503',
    calls: 24,
    script: ({ attempt }) => (attempt <= 2 ? fails(503) : undefined),
  },
  {
    name: 'slow-start',
    trouble: '200 calls at limit 20, for 4 s answers take 1.5 s and every other call meets one 503',
    calls: 200,
    limit: 20,
    script: ({ call, attempt, nowMs }) => {
      if (nowMs >= 4_000) return undefined;
      return attempt === 1 && call % 2 === 1 ? fails(503) : { latencyMs: 1_500 };
    },
  },
  {
    name: 'flapping',
    trouble: '600 calls at limit 10, `maxRetries: 3`, up and down (503) by turns of 3 s',
    calls: 600,
    maxRetries: 3,
    latencyMs: 100,
    script: ({ nowMs }) => (Math.floor(nowMs / 3_000) % 2 === 1 ? down() : undefined),
  },
  {
    name: 'timeouts',
    trouble: '200 calls at limit 20, `timeoutMs: 1_000`, a fifth of the requests never answered',
    calls: 200,
    limit: 20,
    timeoutMs: 1_000,
    latencyMs: 100,
    script: ({ call, attempt }) =>
      chance('hang', call, attempt) < 0.2 ? { hangs: true, isAsked: true } : undefined,
  },
  {
    name: 'two-lanes',
    trouble: '200 calls at limit 10 to two models, one of which refuses connections',
    calls: 200,
    models: [FAST_MODEL, OTHER_MODEL],
    deadModels: [OTHER_MODEL],
  },
  {
    name: 'outage-5s',
    trouble: '1,000 calls at limit 20, `maxRetries: 4`, an outage of 5 s (503)',
    calls: 1_000,
    limit: 20,
    maxRetries: 4,
    latencyMs: 100,
    script: ({ nowMs }) => (nowMs >= 1_000 && nowMs < 6_000 ? down() : undefined),
  },
  {
    name: '429-after-30s',
    trouble: '100 calls at limit 10, after 0.3 s each request within 30 s is rejected with `retry-after: 30`',
    calls: 100,
    latencyMs: 100,
    script: ({ nowMs }) =>
      nowMs >= 300 && nowMs < 30_300 ? { status: 429, headers: { 'retry-after': '30' } } : undefined,
  },
  {
    name: 'dead',
    trouble: 'a dead provider (refused), 200 calls at limit 50, `maxRetries: 2`',
    calls: 200,
    limit: 50,
    deadModels: [FAST_MODEL],
  },
];

const SECONDS = 60;

const SHAPES = [
  ['minute', 'token bucket, 3,000 a minute', { bucket: { capacity: 3_000, refillMs: 60_000 } }, 7_200],
  ['bucket-3s', 'token bucket, 60 in 3 s', { bucket: { capacity: 60, refillMs: 3_000 } }, 1_500],
  ['window-3s', 'fixed window, 60 in 3 s', { window: { limit: 60, windowMs: 3_000 } }, 1_440],
  [
    'day',
    'by the day: 14,400, of which 200 are left, one more every 6 s',
    { bucket: { capacity: 14_400, refillMs: 86_400_000, initial: 200 } },
    260,
  ],
].flatMap(([name, trouble, limitShape, calls]) =>
  [
    ['anthropic', "Anthropic's headers", 'anthropic'],
    ['anthropicSeconds', "Anthropic's headers, whole seconds", 'anthropic'],
    ['openai', "OpenAI's headers", 'openai'],
  ].map(([headers, family, agents]) => ({
    name: `${name}-${headers}`,
    trouble: `${trouble}; ${family}`,
    calls,
    limit: 50,
    seconds: SECONDS,
    limitShape,
    headers,
    agents,
  })),
);

export const rows = ROWS.map((row) => ({ ...DEFAULTS, ...row }));
export const shapes = SHAPES.map((row) => ({ ...DEFAULTS, ...row }));

export function rowOf(name) {
  return [...rows, ...shapes].find((row) => row.name === name);
}
