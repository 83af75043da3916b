// Covers: src/telemetry/recommendations/rules.ts, src/telemetry/recommendations/rule-states.ts, src/telemetry/recommendations/miss-cause.ts
import { describe, expect, test } from '@jest/globals';
import type { TtlAdvice } from '../../../src/cache/ttl-advice.js';
import type { LaneStats } from '../../../src/telemetry/index.js';
import type { Facts } from '../../../src/telemetry/recommendations/facts.js';
import { RuleStates, withSettings } from '../../../src/telemetry/recommendations/rule-states.js';
import { RULES } from '../../../src/telemetry/recommendations/rules.js';
import { cacheFacts, calls, distribution, facts } from './sample-facts.js';

const LANE: LaneStats = {
  inFlight: 0,
  waiting: 3,
  limits: {},
  pausedForMs: 0,
  pauses: 0,
  waitingFor: undefined,
  breaker: undefined,
  adaptive: undefined,
};
const busy = { latest: calls() };
const advice = (verdict: TtlAdvice['verdict'], currentTtlMs: number, suggestedTtlMs: number): TtlAdvice[] => [
  { agent: 'asked', samples: 50, medianIntervalMs: 1_000, suggestedTtlMs, currentTtlMs, verdict },
];
const cache = (hits: number, misses: number, more = {}) => ({ cache: cacheFacts({ hits, misses, ...more }) });

/** For each rule: what its thresholds say by level, and facts with a value just within and just beyond them. */
const BOUNDARIES: ReadonlyArray<
  readonly [id: string, level: string, beyond: Partial<Facts>, within: Partial<Facts>]
> = [
  [
    'latency-p95',
    'warning',
    { latest: calls({ latencyMs: distribution(2_001) }) },
    { latest: calls({ latencyMs: distribution(2_000) }) },
  ],
  [
    'latency-p95',
    'critical',
    { latest: calls({ latencyMs: distribution(5_001) }) },
    { latest: calls({ latencyMs: distribution(5_000) }) },
  ],
  [
    'latency-p95-hour',
    'critical',
    { hour: calls({ latencyMs: distribution(10_001) }) },
    { hour: calls({ latencyMs: distribution(10_000) }) },
  ],
  ['error-ratio', 'info', { latest: calls({ failed: 3 }) }, { latest: calls({ failed: 2 }) }],
  ['error-ratio', 'warning', { latest: calls({ failed: 11 }) }, { latest: calls({ failed: 10 }) }],
  ['error-ratio', 'critical', { latest: calls({ failed: 21 }) }, { latest: calls({ failed: 20 }) }],
  ['success-ratio-hour', 'critical', { hour: calls({ failed: 11 }) }, { hour: calls({ failed: 10 }) }],
  [
    'timeout-ratio',
    'info',
    { latest: calls({ calls: 1_000, timedOut: 2 }) },
    { latest: calls({ calls: 1_000, timedOut: 1 }) },
  ],
  ['timeout-ratio', 'warning', { latest: calls({ timedOut: 3 }) }, { latest: calls({ timedOut: 2 }) }],
  [
    'latency-growth',
    'info',
    { latest: calls({ latencyMs: distribution(116) }), baseline: calls() },
    { latest: calls({ latencyMs: distribution(115) }), baseline: calls() },
  ],
  [
    'latency-growth',
    'warning',
    { latest: calls({ latencyMs: distribution(151) }), baseline: calls() },
    { latest: calls({ latencyMs: distribution(150) }), baseline: calls() },
  ],
  [
    'cost-growth',
    'warning',
    { latest: calls({ costUsd: 1.51 }), baseline: calls() },
    { latest: calls({ costUsd: 1.5 }), baseline: calls() },
  ],
  [
    'token-growth',
    'warning',
    { latest: calls({ tokens: 1_301 }), baseline: calls() },
    { latest: calls({ tokens: 1_300 }), baseline: calls() },
  ],
  ['cache-hit-ratio', 'info', cache(799, 201), cache(800, 200)],
  ['cache-hit-ratio', 'warning', cache(749, 251), cache(750, 250)],
  ['cache-hits-low', 'warning', cache(599, 401), cache(600, 400)],
  ['cache-hits-fair', 'info', cache(601, 399), cache(850, 150)],
  ['cache-hits-good', 'info', cache(851, 149), cache(850, 150)],
  [
    'cache-ttl-long',
    'info',
    { ttlAdvice: advice('lower', 4_001, 1_000) },
    { ttlAdvice: advice('keep', 4_001, 1_000) },
  ],
  [
    'cached-latency',
    'warning',
    { cachedLatencyMs: distribution(101) },
    { cachedLatencyMs: distribution(100) },
  ],
  [
    'cached-latency',
    'critical',
    { cachedLatencyMs: distribution(201) },
    { cachedLatencyMs: distribution(200) },
  ],
  [
    'computed-latency',
    'info',
    { computedLatencyMs: distribution(401) },
    { computedLatencyMs: distribution(400) },
  ],
  [
    'computed-latency',
    'warning',
    { computedLatencyMs: distribution(10_001) },
    { computedLatencyMs: distribution(10_000) },
  ],
  ['cache-integrity', 'critical', { cache: cacheFacts({ integrityFailures: 1 }) }, {}],
  ['cache-store-errors', 'warning', { cache: cacheFacts({ storeErrors: 1 }) }, {}],
  ['lane-stopped', 'warning', { lanes: { a: { ...LANE, pausedForMs: 1 } } }, { lanes: { a: LANE } }],
  [
    'breaker-open',
    'critical',
    { breakers: { a: { state: 'open', opened: 1 } } },
    { breakers: { a: { state: 'closed', opened: 1 } } },
  ],
  ['cpu', 'info', { ...busy, cpuShare: 0.71 }, { ...busy, cpuShare: 0.7 }],
  ['cpu', 'warning', { ...busy, cpuShare: 0.81 }, { ...busy, cpuShare: 0.8 }],
  ['cpu', 'critical', { ...busy, cpuShare: 0.91 }, { ...busy, cpuShare: 0.9 }],
  ['memory', 'info', { ...busy, heapShare: 0.81 }, { ...busy, heapShare: 0.8 }],
  ['memory', 'warning', { ...busy, heapShare: 0.86 }, { ...busy, heapShare: 0.85 }],
  ['memory', 'critical', { ...busy, heapShare: 0.96 }, { ...busy, heapShare: 0.95 }],
];

/** The level of a rule, judged for the first time. */
function levelOf(id: string, changed: Partial<Facts>): string | undefined {
  const findings = new RuleStates(RULES).judge(facts({ cpuShare: 0, ...changed }));
  return findings.find(({ rule }) => rule.id === id)?.recommendation.level;
}

describe('the rules', () => {
  test.each(BOUNDARIES)('%s is %s beyond its threshold and not at it', (id, level, beyond, within) => {
    expect(levelOf(id, beyond)).toBe(level);
    expect(levelOf(id, within)).not.toBe(level);
  });

  test('have a boundary in the table for each threshold, ids of their own and complete texts', () => {
    const tested = BOUNDARIES.map(([id, level]) => `${id} ${level}`).sort();
    const all = RULES.flatMap(({ id, thresholds }) =>
      Object.keys(thresholds).map((level) => `${id} ${level}`),
    );
    expect(tested).toEqual(all.sort());
    expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
    for (const [id, , beyond] of BOUNDARIES) {
      const [finding] = new RuleStates(RULES.filter((rule) => rule.id === id)).judge(facts(beyond));
      const { title, cause, advice, docs, evidence } = finding?.recommendation ?? {};
      for (const said of [title, cause, advice]) expect(said?.length).toBeGreaterThan(8);
      expect(docs).toBe(`docs/guides/alerts-and-recommendations.md#${id}`);
      expect(Object.keys(evidence ?? {}).length).toBeGreaterThan(0);
    }
  });

  test('say nothing about an idle system', () => {
    expect(new RuleStates(RULES).judge(facts())).toEqual([]);
    expect(new RuleStates(RULES).judge(facts({ cache: undefined }))).toEqual([]);
  });

  test('say nothing about too few samples', () => {
    expect(levelOf('error-ratio', { latest: calls({ calls: 19, failed: 19 }) })).toBeUndefined();
    expect(levelOf('error-ratio', { latest: calls({ calls: 20, failed: 20 }) })).toBe('critical');
    expect(levelOf('cache-hit-ratio', cache(0, 99))).toBeUndefined();
    expect(levelOf('latency-p95', { latest: calls({ latencyMs: distribution(9_000, 19) }) })).toBeUndefined();
  });

  test('end further from their threshold than they begin', () => {
    const states = new RuleStates(RULES.filter(({ id }) => id === 'latency-p95' || id === 'cache-hit-ratio'));
    const levels = (p95: number, hits: number): unknown[] =>
      states
        .judge(facts({ latest: calls({ latencyMs: distribution(p95) }), ...cache(hits, 1_000 - hits) }))
        .map(({ rule, recommendation }) => `${rule.id} ${recommendation.level}`);
    expect(levels(1_950, 810)).toEqual([]);
    expect(levels(2_050, 740)).toEqual(['latency-p95 warning', 'cache-hit-ratio warning']);
    expect(levels(1_950, 760)).toEqual(['latency-p95 warning', 'cache-hit-ratio warning']);
    expect(levels(1_750, 790)).toEqual(['cache-hit-ratio info']);
    expect(levels(1_950, 850)).toEqual([]);
  });

  test('take other thresholds, and are left out where they are switched off', () => {
    const rules = withSettings(RULES, { 'latency-p95': { warning: 10, minimumSamples: 1 }, cpu: false });
    expect(rules.map(({ id }) => id)).not.toContain('cpu');
    const found = new RuleStates(rules).judge(facts({ latest: calls({ latencyMs: distribution(11, 1) }) }));
    expect(found.map(({ recommendation }) => recommendation.id)).toEqual(['latency-p95']);
  });

  test('show the most serious first', () => {
    const levels = new RuleStates(RULES)
      .judge(
        facts({ latest: calls({ failed: 100 }), ...cache(10, 990), computedLatencyMs: distribution(500) }),
      )
      .map(({ recommendation }) => recommendation.level);
    expect(levels).toEqual(
      [...levels].sort((a, b) => 'cwi'.indexOf(a.charAt(0)) - 'cwi'.indexOf(b.charAt(0))),
    );
    expect(new Set(levels).size).toBe(3);
  });
});

describe('advice on few hits', () => {
  const say = (changed: Partial<Facts>): { cause: string; advice: string } => {
    const rules = RULES.filter(({ id }) => id === 'cache-hits-low');
    const [finding] = new RuleStates(rules).judge(facts(changed));
    const { cause = '', advice = '' } = finding?.recommendation ?? {};
    return { cause, advice };
  };

  test('follows the cause: expired', () => {
    const said = say({ ...cache(400, 600, { expirations: 300 }), ttlAdvice: advice('raise', 1_000, 64_000) });
    expect(said.cause).toContain('expire before');
    expect(said.advice).toContain('Raise ttlMs of "asked" from 1000 to 64000');
  });

  test('follows the cause: expired, as the advice of the cache says though little has expired yet', () => {
    const said = say({ ...cache(400, 600), ttlAdvice: advice('raise', 1_000, 64_000) });
    expect(said.cause).toContain('expire before');
  });

  test('follows the cause: evicted', () => {
    const said = say(cache(400, 600, { evictions: 300, expirations: 200 }));
    expect(said.cause).toContain('evicted before');
    expect(said.advice).toContain('maxSizeBytes');
  });

  test('follows the cause: never seen', () => {
    expect(say(cache(400, 600)).advice).toContain('warm the cache');
  });

  test('follows the cause: unique', () => {
    expect(say(cache(50, 950)).advice).toContain('orchestrator.explain');
  });

  test('never advises a shorter time to live to raise the ratio', () => {
    for (const changed of [
      cache(1, 999),
      cache(400, 600, { expirations: 500 }),
      cache(400, 600, { evictions: 500 }),
    ]) {
      expect(say(changed).advice).not.toMatch(/lower|reduce|shorter/i);
    }
  });
});

test('slow answers from the cache are blamed on Redis only if they come from there', () => {
  const say = (redisHits: number): string => {
    const slow = facts({ cachedLatencyMs: distribution(250), cache: cacheFacts({ hits: 50, redisHits }) });
    const found = new RuleStates(RULES).judge(slow);
    return found.find(({ rule }) => rule.id === 'cached-latency')?.recommendation.advice ?? '';
  };
  expect(say(50)).toContain('network to Redis');
  expect(say(0)).not.toContain('Redis');
});
