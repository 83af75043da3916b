import type { CacheFacts, CallFacts, Facts } from './facts.js';
import { explainMisses, missCause } from './miss-cause.js';
import type { Rule, RuleReading } from './rule.js';

// Every rule, as data: what it measures, where it begins to speak and where it stops, and what it says. The table in
// docs/guides/alerts-and-recommendations.md is made of these. The thresholds are defaults; `alerts.rules` changes them.

type Said = Omit<RuleReading, 'subject'> & { readonly subject?: string };

function one(said: Said): RuleReading[] {
  return [{ subject: '', ...said }];
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const lookUps = ({ hits, misses }: CacheFacts): number => hits + misses;

function hitRatio(
  facts: Facts,
  say: (cache: CacheFacts) => { cause: string; advice: string },
): RuleReading[] {
  const { cache } = facts;
  if (cache === undefined) return [];
  const { hits, misses, expirations, evictions } = cache;
  const samples = lookUps(cache);
  const value = ratio(hits, samples);
  return one({
    value,
    samples,
    evidence: { hitRatio: value, hits, misses, expirations, evictions },
    ...say(cache),
  });
}

/** Of a band, the value while it lies in it, else one that no threshold is below. */
function inBand(readings: RuleReading[], from: number, to: number): RuleReading[] {
  return readings.filter(({ value }) => value >= from && value < to);
}

/** By how much a figure has grown over the hour before, as a share of it. */
function growth(facts: Facts, pick: (calls: CallFacts) => number, name: string, what: string): RuleReading[] {
  const { baseline, latest } = facts;
  if (baseline === undefined) return [];
  const [before, now] = [pick(baseline), pick(latest)];
  if (before <= 0) return [];
  const value = (now - before) / before;
  return one({
    value,
    samples: Math.min(latest.calls, baseline.calls),
    evidence: { growthRatio: value, [name]: now, [`${name}Before`]: before },
    cause: `${what} over the hour before.`,
    advice:
      'Find out what has changed: a release, a prompt, a model, or who calls. byAgent, byModel and byTenant show where.',
  });
}

const PRESENT = 1;

/** All rules, in the order in which they are shown. */
export const RULES: readonly Rule[] = [
  {
    id: 'latency-p95',
    title: 'Calls are slow',
    measures: 'p95 of all calls, in ms',
    side: 'above',
    thresholds: { warning: 2_000, critical: 5_000 },
    clearRatio: 0.9,
    minimumSamples: 20,
    isAlert: true,
    read: ({ latest }) =>
      one({
        value: latest.latencyMs.p95,
        samples: latest.latencyMs.count,
        evidence: { p95Ms: latest.latencyMs.p95, p50Ms: latest.latencyMs.p50, calls: latest.calls },
        cause: 'One call in twenty takes longer than that, waiting included.',
        advice:
          'See whether calls wait or run (queuedMs, orchestrator.explain): raise maxConcurrent or limits if they wait, use a ' +
          'faster model, hedge or a shorter answer if they run.',
      }),
  },
  {
    id: 'latency-p95-hour',
    title: 'Calls have been slow for an hour',
    measures: 'p95 of all calls of the last hour, in ms',
    side: 'above',
    thresholds: { critical: 10_000 },
    clearRatio: 0.9,
    minimumSamples: 20,
    isAlert: true,
    read: ({ hour }) =>
      one({
        value: hour.latencyMs.p95,
        samples: hour.latencyMs.count,
        evidence: { p95Ms: hour.latencyMs.p95, calls: hour.calls },
        cause: 'One call in twenty takes longer than that, waiting included.',
        advice: 'Look at lanes and breakers: a provider has been in trouble for a while. Add fallbacks.',
      }),
  },
  {
    id: 'error-ratio',
    title: 'Calls fail',
    measures: 'failed calls of all that settled (0 to 1)',
    side: 'above',
    thresholds: { info: 0.01, warning: 0.05, critical: 0.1 },
    clearRatio: 0.8,
    minimumSamples: 20,
    isAlert: true,
    read: ({ latest }) => {
      const value = ratio(latest.failed, latest.calls);
      return one({
        value,
        samples: latest.calls,
        evidence: { errorRatio: value, failed: latest.failed, calls: latest.calls },
        cause: 'Calls end with an error although they are retried.',
        advice:
          'Look at errors in the snapshot: the code says what to do. Add fallbacks for a provider that fails.',
      });
    },
  },
  {
    id: 'success-ratio-hour',
    title: 'Too few calls have worked in the last hour',
    measures: 'calls of the last hour that did not fail (0 to 1)',
    side: 'below',
    thresholds: { critical: 0.95 },
    clearRatio: 1.01,
    minimumSamples: 50,
    isAlert: true,
    read: ({ hour }) => {
      const value = 1 - ratio(hour.failed, hour.calls);
      return one({
        value,
        samples: hour.calls,
        evidence: { successRatio: value, failed: hour.failed, calls: hour.calls },
        cause: 'Calls end with an error although they are retried.',
        advice:
          'Look at errors in the snapshot: the code says what to do. Add fallbacks for a provider that fails.',
      });
    },
  },
  {
    id: 'timeout-ratio',
    title: 'Calls time out',
    measures: 'calls that failed with a timeout, of all that settled (0 to 1)',
    side: 'above',
    thresholds: { info: 0.001, warning: 0.01 },
    clearRatio: 0.8,
    minimumSamples: 100,
    isAlert: true,
    read: ({ latest }) => {
      const value = ratio(latest.timedOut, latest.calls);
      return one({
        value,
        samples: latest.calls,
        evidence: { timeoutRatio: value, timedOut: latest.timedOut, calls: latest.calls },
        cause: 'Attempts or whole calls reach their time limit.',
        advice: 'Raise timeoutMs or deadlineMs above the p99 of the answers, or ask for shorter ones.',
      });
    },
  },
  {
    id: 'latency-growth',
    title: 'Calls have become slower',
    measures: 'growth of the p95 over the hour before (0.5 is 50 %)',
    side: 'above',
    thresholds: { info: 0.15, warning: 0.5 },
    clearRatio: 0.7,
    minimumSamples: 50,
    isAlert: true,
    read: (facts) => growth(facts, ({ latencyMs }) => latencyMs.p95, 'p95Ms', 'The p95 has grown'),
  },
  {
    id: 'cost-growth',
    title: 'Calls cost more than before',
    measures: 'growth of the cost over the hour before (0.5 is 50 %)',
    side: 'above',
    thresholds: { warning: 0.5 },
    clearRatio: 0.7,
    minimumSamples: 50,
    isAlert: true,
    read: (facts) => growth(facts, ({ costUsd }) => costUsd, 'costUsd', 'The cost has grown'),
  },
  {
    id: 'token-growth',
    title: 'Calls use more tokens than before',
    measures: 'growth of the tokens over the hour before (0.3 is 30 %)',
    side: 'above',
    thresholds: { warning: 0.3 },
    clearRatio: 0.7,
    minimumSamples: 50,
    isAlert: true,
    read: (facts) => growth(facts, ({ tokens }) => tokens, 'tokens', 'The tokens have grown'),
  },
  {
    id: 'cache-hit-ratio',
    title: 'Few answers come from the cache',
    measures: 'hits of all look-ups (0 to 1)',
    side: 'below',
    thresholds: { info: 0.8, warning: 0.75 },
    clearRatio: 1.05,
    minimumSamples: 100,
    isAlert: true,
    read: (facts) =>
      hitRatio(facts, (cache) => explainMisses(missCause(cache, facts.ttlAdvice), facts.ttlAdvice)),
  },
  {
    id: 'cache-hits-low',
    title: 'Most requests are not found in the cache',
    measures: 'hits of all look-ups, below 0.6',
    side: 'below',
    thresholds: { warning: 0.6 },
    clearRatio: 1.05,
    minimumSamples: 100,
    isAlert: false,
    read: (facts) =>
      hitRatio(facts, (cache) => explainMisses(missCause(cache, facts.ttlAdvice), facts.ttlAdvice)),
  },
  {
    id: 'cache-hits-fair',
    title: 'The cache could answer more',
    measures: 'hits of all look-ups, from 0.6 to 0.85',
    side: 'above',
    thresholds: { info: 0.6 },
    clearRatio: 1,
    minimumSamples: 100,
    isAlert: false,
    read: (facts) =>
      inBand(
        hitRatio(facts, () => ({
          cause: 'A good part of the requests repeat.',
          advice:
            'Watch it. Set normalize if tasks differ in white space or case; share the cache if several processes ask the same.',
        })),
        0.6,
        0.85,
      ),
  },
  {
    id: 'cache-hits-good',
    title: 'The cache answers most requests',
    measures: 'hits of all look-ups, from 0.85 up',
    side: 'above',
    thresholds: { info: 0.85 },
    clearRatio: 0.98,
    minimumSamples: 100,
    isAlert: false,
    read: (facts) =>
      hitRatio(facts, () => ({
        cause: 'Most requests repeat within the time to live.',
        advice: 'Leave it as it is. With several processes, share the cache to keep the ratio.',
      })),
  },
  {
    id: 'cache-ttl-long',
    title: 'Answers are kept much longer than they are asked for',
    measures: 'ttlMs by the time within which 95 % of repeats come',
    side: 'above',
    thresholds: { info: 4 },
    clearRatio: 0.9,
    minimumSamples: 20,
    isAlert: false,
    read: ({ ttlAdvice }) =>
      ttlAdvice
        .filter(({ verdict }) => verdict === 'lower')
        .map(({ agent, samples, suggestedTtlMs, currentTtlMs }) => ({
          subject: agent,
          value: currentTtlMs / suggestedTtlMs,
          samples,
          evidence: { currentTtlMs, suggestedTtlMs, samples },
          cause: 'Repeats come soon or not at all.',
          advice: `Lower ttlMs of "${agent}" to ${suggestedTtlMs} if memory is short or answers should be fresh. The ratio of hits stays as it is.`,
        })),
  },
  {
    id: 'cached-latency',
    title: 'Answers from the cache are slow',
    measures: 'p95 of calls answered from the cache, in ms',
    side: 'above',
    thresholds: { warning: 100, critical: 200 },
    clearRatio: 0.9,
    minimumSamples: 20,
    isAlert: true,
    read: ({ cachedLatencyMs, cache }) => {
      const isRemote = (cache?.redisHits ?? 0) > 0;
      return one({
        value: cachedLatencyMs.p95,
        samples: cachedLatencyMs.count,
        evidence: { p95Ms: cachedLatencyMs.p95, hits: cachedLatencyMs.count },
        cause: isRemote
          ? 'Answers come over the network from Redis.'
          : 'Answers come from a slow store, or calls wait for a stream to be replayed.',
        advice: isRemote
          ? 'Measure the network to Redis and put it closer; raise maxMemoryBytes so that memory answers first; locally, use memory alone.'
          : 'Raise maxMemoryBytes so that memory answers first; keep directory on a local disk; use replay: "instant" for streams.',
      });
    },
  },
  {
    id: 'computed-latency',
    title: 'Answers that are computed are slow',
    measures: 'p95 of calls not answered from the cache, in ms',
    side: 'above',
    thresholds: { info: 400, warning: 10_000 },
    clearRatio: 0.9,
    minimumSamples: 20,
    isAlert: true,
    read: ({ computedLatencyMs }) =>
      one({
        value: computedLatencyMs.p95,
        samples: computedLatencyMs.count,
        evidence: { p95Ms: computedLatencyMs.p95, calls: computedLatencyMs.count },
        cause: 'The source of the answers takes that long: the model, the program or the service behind it.',
        advice:
          'Look at the source: its own latency, its limits (lanes), and the resources of this process. Cache what repeats.',
      }),
  },
  {
    id: 'cache-integrity',
    title: 'Stored answers are not what was signed',
    measures: 'entries that were rejected',
    side: 'above',
    thresholds: { critical: 0 },
    clearRatio: 1,
    minimumSamples: 0,
    isAlert: true,
    read: ({ cache }) =>
      cache === undefined
        ? []
        : one({
            value: cache.integrityFailures,
            samples: cache.integrityFailures,
            evidence: { integrityFailures: cache.integrityFailures },
            cause: 'The store was changed from outside, or processes sign with different secrets.',
            advice:
              'Give all processes the same secret; run cache.verify(); find out who can write to the store.',
          }),
  },
  {
    id: 'cache-store-errors',
    title: 'The store of the cache fails',
    measures: 'operations of a tier that failed',
    side: 'above',
    thresholds: { warning: 0 },
    clearRatio: 1,
    minimumSamples: 0,
    isAlert: true,
    read: ({ cache }) =>
      cache === undefined
        ? []
        : one({
            value: cache.storeErrors,
            samples: cache.storeErrors,
            evidence: { storeErrors: cache.storeErrors },
            cause:
              'The disk is full, the folder is not writable, or the store cannot be reached. Calls go on without it.',
            advice:
              'Listen to cache:error, which has the reason; free space, or fix the permissions or the connection.',
          }),
  },
  {
    id: 'lane-stopped',
    title: 'A lane is stopped',
    measures: 'lanes that are stopped (1 each)',
    side: 'above',
    thresholds: { warning: 0 },
    clearRatio: 1,
    minimumSamples: 0,
    isAlert: true,
    read: ({ lanes }) =>
      Object.entries(lanes).map(([subject, { pausedForMs, waitingFor, waiting }]) => {
        const isDown = waitingFor?.reason === 'lane-down';
        const value = isDown || pausedForMs > 0 ? PRESENT : 0;
        return {
          subject,
          value,
          samples: value,
          evidence: { pausedForMs, waiting },
          cause: isDown ? 'Its provider does not answer.' : 'Its provider demands a wait.',
          advice:
            'Calls wait and go on by themselves. Add fallbacks if they should not; set limits if the provider gets too much.',
        };
      }),
  },
  {
    id: 'breaker-open',
    title: 'A breaker is open',
    measures: 'breakers that are open (1 each)',
    side: 'above',
    thresholds: { critical: 0 },
    clearRatio: 1,
    minimumSamples: 0,
    isAlert: true,
    read: ({ breakers }) =>
      Object.entries(breakers).map(([subject, { state, opened }]) => {
        const value = state === 'closed' ? 0 : PRESENT;
        return {
          subject,
          value,
          samples: value,
          evidence: { state, opened },
          cause: 'Too many of its latest requests have failed.',
          advice: 'Look at the status of the provider. Calls fail at once unless the agent has fallbacks.',
        };
      }),
  },
  {
    id: 'cpu',
    title: 'The processor is busy',
    measures: 'CPU of this process, as a share of one core (0 to 1)',
    side: 'above',
    thresholds: { info: 0.7, warning: 0.8, critical: 0.9 },
    clearRatio: 0.9,
    minimumSamples: 1,
    isAlert: true,
    read: ({ cpuShare, latest }) =>
      one({
        value: cpuShare,
        samples: latest.calls,
        evidence: { cpuShare },
        cause: 'JavaScript runs on one core, and timers and sockets wait for it.',
        advice: 'Move work out of agents, tools and hooks into worker threads or other processes.',
      }),
  },
  {
    id: 'memory',
    title: 'The heap is nearly full',
    measures: 'heap in use, as a share of its limit (0 to 1)',
    side: 'above',
    thresholds: { info: 0.8, warning: 0.85, critical: 0.95 },
    clearRatio: 0.95,
    minimumSamples: 1,
    isAlert: true,
    read: ({ heapShare, latest }) =>
      one({
        value: heapShare,
        samples: latest.calls,
        evidence: { heapShare },
        cause: 'The process holds nearly as much as it may.',
        advice:
          'Lower maxMemoryBytes of the cache or maxQueued, read tasks lazily, or raise --max-old-space-size.',
      }),
  },
];
