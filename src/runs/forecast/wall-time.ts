import type { AnswerRow } from '../../calls/call-history.js';
import type { Estimate, ForecastBound } from '../../contracts/forecast.js';
import type { Lane } from '../../resilience/lane/lane.js';
import { certain, ofTrials, repeatableRandom } from './estimates.js';
import type { ForecastLot } from './forecast-lot.js';

/** How long a run takes if one thing alone decides it. */
export interface WallBound {
  readonly wallMs: Estimate;
  readonly boundBy: ForecastBound;
  readonly boundAt: string | undefined;
}

/** Runs that are played through, and the tasks of each; a longer run is as many times as long. */
const TRIALS = 21;
const MOST_PLAYED = 2_000;
/** Earlier answers that tell how fast a lane goes; fewer say nothing. */
const FEWEST_GAPS = 8;
const PARTS = 3;
/** Standard deviation, as a share, of how long the known limits of a lane take: where their windows begin is not known. */
const RATE_DEVIATION = 0.04;
const TO_P90 = 1.2816;

/** What decides how long the run takes: the slowest of everything that it has to go through. */
export function slowestBound(lots: readonly ForecastLot[], maxConcurrent: number): WallBound {
  const bounds = [scheduleBound(lots, maxConcurrent, 'maxConcurrent', undefined)];
  for (const lot of lots) {
    const limit = lot.registered.definition.maxConcurrent;
    if (limit !== undefined) bounds.push(scheduleBound([lot], limit, 'agent-limit', lot.agent));
  }
  for (const [lane, inLane] of byLane(lots)) bounds.push(...laneBounds(lane, inLane));
  return bounds.reduce((slowest, bound) => (bound.wallMs.p50 > slowest.wallMs.p50 ? bound : slowest));
}

function byLane(lots: readonly ForecastLot[]): Map<Lane, ForecastLot[]> {
  const lanes = new Map<Lane, ForecastLot[]>();
  for (const lot of lots) {
    if (lot.lane !== undefined) lanes.set(lot.lane, [...(lanes.get(lot.lane) ?? []), lot]);
  }
  return lanes;
}

function laneBounds(lane: Lane, lots: readonly ForecastLot[]): WallBound[] {
  const { maxConcurrent, isLimitUnknown } = lane.outlook;
  const bounds = [rateBound(lane, lots)];
  if (Number.isFinite(maxConcurrent)) {
    bounds.push(scheduleBound(lots, maxConcurrent, 'lane-concurrency', lane.name));
  }
  const observed = isLimitUnknown ? observedBound(lane, lots) : undefined;
  return observed === undefined ? bounds : [...bounds, observed];
}

/** Plays the run through: each task starts as soon as one of `places` is free. */
function scheduleBound(
  lots: readonly ForecastLot[],
  places: number,
  boundBy: ForecastBound,
  boundAt: string | undefined,
): WallBound {
  const tasks = lots.flatMap((lot) => lot.lengths.map((taskChars) => ({ lot, taskChars })));
  if (tasks.length === 0) return { wallMs: certain(0), boundBy: 'latency', boundAt: undefined };
  const random = repeatableRandom(tasks.length);
  const step = Math.max(1, tasks.length / MOST_PLAYED);
  const played = Array.from({ length: Math.floor(tasks.length / step) }, () => 0);
  const trials = Array.from({ length: TRIALS }, () => {
    for (const index of played.keys()) {
      // Lots stand one after the other: every step-th task has its share of each.
      const { lot, taskChars } = tasks[Math.floor(index * step)] as (typeof tasks)[number];
      played[index] = lot.drawRunMs(taskChars, random);
    }
    shuffle(played, random);
    return makespanMs(played, places, tasks.length);
  });
  const isAlone = tasks.length <= places;
  return {
    wallMs: widened(ofTrials(trials), runTimeDeviation(lots)),
    boundBy: isAlone ? 'latency' : boundBy,
    boundAt: isAlone ? undefined : boundAt,
  };
}

/** How well the mean run time is known, as a standard deviation that is a share of it. */
function runTimeDeviation(lots: readonly ForecastLot[]): number {
  let [work, variance] = [0, 0];
  for (const { answers, lengths } of lots) {
    const middle = lengths[Math.floor(lengths.length / 2)];
    const spread = middle === undefined ? undefined : answers?.near('runMs', middle);
    if (answers === undefined || spread === undefined) continue;
    work += lengths.length * spread.mean;
    variance += (lengths.length ** 2 * spread.variance) / answers.samples;
  }
  return work === 0 ? 0 : Math.sqrt(variance) / work;
}

function widened({ p10, p50, p90 }: Estimate, deviation: number): Estimate {
  const share = TO_P90 * deviation;
  return { p10: Math.max(0, p10 - share * p50), p50, p90: p90 + share * p50 };
}

/** When the last of `count` tasks has ended, of which the durations are a sample. */
function makespanMs(durations: readonly number[], places: number, count: number): number {
  const freeAtMs = new Float64Array(Math.min(places, durations.length));
  let work = 0;
  for (const durationMs of durations) {
    let first = 0;
    for (let place = 1; place < freeAtMs.length; place += 1) {
      if ((freeAtMs[place] as number) < (freeAtMs[first] as number)) first = place;
    }
    freeAtMs[first] = (freeAtMs[first] as number) + durationMs;
    work += durationMs;
  }
  const playedMs = freeAtMs.reduce((latest, atMs) => Math.max(latest, atMs), 0);
  const unplayed = (work / durations.length) * (count - durations.length);
  return playedMs + unplayed / places;
}

/** How long the limits of a lane, as far as they are known, have the last request wait; then it runs. */
function rateBound(lane: Lane, lots: readonly ForecastLot[]): WallBound {
  const lastMs = usualRunMs(lots);
  const waitMs = (percentile: keyof Estimate): number => {
    const sum = (pick: (lot: ForecastLot) => Estimate): number =>
      lots.reduce((total, lot) => total + pick(lot)[percentile], 0);
    const requests = sum(({ attempts, lengths }) => attempts.estimate(lengths.length));
    if (requests < 1) return 0;
    const inputTokens = sum(({ inputTokens }) => inputTokens.estimate());
    const outputTokens = sum(({ outputTokens }) => outputTokens.estimate());
    return lane.startsAfterMs({ requests, inputTokens, outputTokens }) + lastMs;
  };
  const wallMs = { p10: waitMs('p10'), p50: waitMs('p50'), p90: waitMs('p90') };
  return { wallMs: widened(wallMs, RATE_DEVIATION), boundBy: 'rate-limit', boundAt: lane.name };
}

/** How fast the lane has gone while calls were waiting, where its provider does not say what it takes. */
function observedBound(lane: Lane, lots: readonly ForecastLot[]): WallBound | undefined {
  const gaps = busyGapsMs(lots.flatMap(({ registered, model }) => registered.history?.rows(model) ?? []));
  if (gaps.length < FEWEST_GAPS) return undefined;
  const count = lots.reduce((calls, { lengths }) => calls + lengths.length, 0);
  // Limits let requests through in bursts: parts of the history differ less than single gaps do.
  const part = Math.ceil(gaps.length / PARTS);
  const means = Array.from({ length: PARTS }, (_, index) =>
    meanOf(gaps.slice(index * part, (index + 1) * part)),
  ).filter((mean) => !Number.isNaN(mean));
  const mean = meanOf(gaps);
  // The run begins somewhere between two bursts.
  const pauseMs = Math.max(...gaps);
  const wallMs = {
    p10: Math.min(mean, ...means) * count,
    p50: mean * count + pauseMs / 2,
    p90: Math.max(mean, ...means) * count + pauseMs,
  };
  return { wallMs, boundBy: 'observed-rate', boundAt: lane.name };
}

/** Times between answers while others were waiting. */
function busyGapsMs(rows: readonly AnswerRow[]): number[] {
  const sorted = [...rows].sort((a, b) => a.endedAtMs - b.endedAtMs);
  return sorted.flatMap(({ endedAtMs, submittedAtMs }, index) => {
    const before = sorted[index - 1];
    return before !== undefined && submittedAtMs < before.endedAtMs ? [endedAtMs - before.endedAtMs] : [];
  });
}

function usualRunMs(lots: readonly ForecastLot[]): number {
  const random = repeatableRandom(1);
  const drawn = lots.flatMap((lot) =>
    lot.lengths.slice(0, 20).map((taskChars) => lot.drawRunMs(taskChars, random)),
  );
  return drawn.length === 0 ? 0 : meanOf(drawn);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function shuffle(values: number[], random: () => number): void {
  for (let last = values.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [values[last], values[other]] = [values[other] as number, values[last] as number];
  }
}
