import type { HitTier } from '../../contracts/cache-events.js';
import type { CacheExplanation, CallExplanation, CallTimes } from '../../contracts/explanation.js';
import type { CallRecord, RecordedLookup } from './call-record.js';
import type { RequestMemory } from './request-memory.js';

/** What is known of a recorded call, as plain data. */
export function explainRecord(record: CallRecord, requests: RequestMemory, nowMs: number): CallExplanation {
  const { callId, agent, outcome, startedAtMs, lookup } = record;
  const times = record.timesUntil(nowMs);
  const cache = explainLookup(lookup, requests);
  const totalMs = outcome?.timings.totalMs ?? nowMs - startedAtMs;
  const lanes = [...record.lanes];
  return {
    callId,
    agent,
    state: outcome === undefined ? 'running' : outcome.success ? 'succeeded' : 'failed',
    errorCode: outcome?.success === false ? outcome.error.code : undefined,
    totalMs,
    times,
    lanes,
    attempts: record.attempts.map((attempt) => ({ ...attempt })),
    cache,
    summary: [timeSentence(times, totalMs, lanes), cacheSentence(cache)].filter(Boolean).join(' '),
  };
}

function explainLookup(lookup: RecordedLookup, requests: RequestMemory): CacheExplanation {
  switch (lookup.outcome) {
    case 'hit':
      return { outcome: 'hit', tier: lookup.tier as HitTier };
    case 'joined':
      return { outcome: 'shared', joined: lookup.joined };
    case 'refresh':
      return { outcome: 'miss', reason: 'refresh' };
    case 'miss':
      return { outcome: 'miss', ...requests.explain(lookup.miss) };
    default:
      return { outcome: lookup.outcome };
  }
}

const PART_NAMES: Readonly<Record<keyof CallTimes, string>> = {
  prepareMs: 'preparing it',
  cacheMs: 'looking in the cache',
  sharedMs: 'waiting for an identical call',
  queueMs: 'waiting for a permit or a connection',
  laneMs: 'waiting for its lane',
  coolOffMs: 'waiting while its lane was stopped',
  budgetMs: 'waiting for its budget',
  backoffMs: 'backing off between attempts',
  failedAttemptsMs: 'attempts that failed',
  modelMs: 'the attempt that answered',
  toolsMs: 'tools',
  deliveryMs: 'delivering the answer',
};

/** Parts below this share of the whole are left out of the summary. */
const SMALL_SHARE = 0.02;

function timeSentence(times: CallTimes, totalMs: number, lanes: readonly string[]): string {
  const parts = (Object.entries(times) as Array<[keyof CallTimes, number]>)
    .filter(([, ms]) => ms > 0 && ms >= SMALL_SHARE * totalMs)
    .sort(([, a], [, b]) => b - a)
    .map(([part, ms]) => `${Math.round(ms)} ms ${PART_NAMES[part]}`);
  const whole = `It took ${Math.round(totalMs)} ms`;
  const where = lanes.length === 0 ? '' : ` Lanes: ${lanes.join(', ')}.`;
  return parts.length === 0 ? `${whole}.${where}` : `${whole}: ${parts.join(', ')}.${where}`;
}

const REASONS = {
  expired: 'the answer to this request had expired',
  evicted: 'the answer to this request had been evicted to hold a size limit',
  deleted: 'the answer to this request had been deleted',
  rejected: 'the stored answer was not what was signed, and was removed',
  'never-seen': 'no stored request of this agent is remembered',
  refresh: 'the call asked for a new answer',
} as const;

function cacheSentence({ outcome, tier, joined, reason, differs, notStored }: CacheExplanation): string {
  if (outcome === 'hit') return `Answered from the cache (${tier}).`;
  if (outcome === 'shared') return `It joined call ${joined}, which was identical.`;
  if (outcome === 'excluded') return 'Its agent is excluded from the cache, or the cache is switched off.';
  if (outcome !== 'miss' || reason === undefined) return '';
  if (reason === 'changed') {
    return `Not in the cache: it differs in ${differs?.join(', ')} from the nearest stored request of this agent.`;
  }
  if (reason === 'not-stored') return `Not in the cache: an earlier answer was not stored (${notStored}).`;
  return `Not in the cache: ${REASONS[reason]}.`;
}
