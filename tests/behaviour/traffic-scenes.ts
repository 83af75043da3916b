import { expect, jest } from '@jest/globals';
import * as fc from 'fast-check';
import type { CallOutcome } from '../../src/contracts/result.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { describeOutcome, perform, type ScriptStep } from './failure-scripts.js';
import { seeded } from './seeded-random.js';
import { closeAll, openWith, Service } from './traffic-orchestrator.js';

// Random calls, at random times, that meet random failures under random options.

/** A call, what it meets attempt after attempt, and what it may do; what comes after the last step is answered. */
export interface OwnScript {
  readonly atMs: number;
  readonly steps: readonly ScriptStep[];
  readonly maxRetries: number;
  readonly priority: number;
  readonly tenant: string;
  readonly deadlineMs: number | undefined;
}

export interface Scene {
  readonly seed: number;
  readonly maxConcurrent: number;
  readonly options: Partial<AsyncOrchestratorOptions>;
  readonly calls: readonly OwnScript[];
  /** Whether backoffs are random. @default 'full' */
  readonly jitter?: 'none' | 'full';
}

export interface CallEnd {
  readonly outcome: string;
  readonly attempts: number;
  readonly endedAtMs: number;
  readonly full: CallOutcome;
}

const step = fc.record({
  latencyMs: fc.integer({ min: 1, max: 300 }),
  status: fc.constantFrom(429, 503, 529, 500, 408, 409, 400),
  retryAfterMs: fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: undefined, freq: 3 }),
});

export const call: fc.Arbitrary<OwnScript> = fc.record({
  atMs: fc.integer({ min: 0, max: 5_000 }),
  steps: fc.oneof(
    { arbitrary: fc.constant([]), weight: 2 },
    { arbitrary: fc.array(step, { minLength: 1, maxLength: 4 }), weight: 3 },
  ),
  maxRetries: fc.nat(3),
  priority: fc.integer({ min: -1, max: 1 }),
  tenant: fc.constantFrom('a', 'b', 'c'),
  deadlineMs: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 5 },
    { arbitrary: fc.integer({ min: 100, max: 20_000 }), weight: 1 },
  ),
});

export const lane = fc.constantFrom<Partial<AsyncOrchestratorOptions>>(
  { limits: { maxConcurrent: 1_000 } },
  { limits: { maxConcurrent: 3 } },
  { limits: { requestsPerMinute: 100_000 } },
);
/** Options that change no outcome by themselves. */
const also = fc.constantFrom<Partial<AsyncOrchestratorOptions>>(
  {},
  { breaker: { minimumCalls: 1_000_000 } },
  { hedge: { afterMs: 3_600_000 } },
  { budget: { usd: 1_000_000, perCallUsd: 1 } },
);

/** Scenes of such calls. */
export const scene = (calls: fc.Arbitrary<OwnScript[]>): fc.Arbitrary<Scene> =>
  fc.record({
    seed: fc.nat(),
    maxConcurrent: fc.integer({ min: 1, max: 20 }),
    options: fc.tuple(lane, also).map(([one, other]) => ({ ...one, ...other })),
    calls,
  });

/** Plays a scene until all its calls have ended; `answersMs` is when the lane answered. */
export async function play({ seed, maxConcurrent, options, calls, jitter = 'full' }: Scene) {
  jest.spyOn(Math, 'random').mockImplementation(seeded(seed));
  const asked = calls.map(() => 0);
  const answersMs: number[] = [];
  const steps = new Map<number, ScriptStep | undefined>();
  const service = new Service(
    ({ index }) => {
      const own = steps.get(index);
      if (own === undefined || own.status === 400) answersMs.push(clock.now());
      return perform(own);
    },
    ({ task, index }) => {
      const own = calls[Number(task)]?.steps[(asked[Number(task)] as number)++];
      steps.set(index, own);
      return own?.latencyMs ?? 50;
    },
  );
  const { orchestrator, clock } = openWith([service], {
    agents: [service.agent('agent')],
    maxConcurrent,
    ...options,
    retry: { jitter, ...options.retry },
  });
  const ends: CallEnd[] = [];
  const submit = async (index: number): Promise<void> => {
    const { maxRetries, priority, tenant, deadlineMs } = calls[index] as OwnScript;
    const task = { agent: 'agent', task: String(index), maxRetries, priority, tenant, deadlineMs };
    const [outcome] = (await orchestrator.executeMultiple([task])) as [CallOutcome];
    const { attempts } = outcome;
    ends[index] = { outcome: describeOutcome(outcome), attempts, endedAtMs: clock.now(), full: outcome };
  };
  for (const [index, { atMs }] of calls.entries()) clock.setTimeout((own) => void submit(own), atMs, index);
  for (let atMs = 0; atMs < 600_000 && Object.keys(ends).length < calls.length; atMs += 1_000)
    await clock.advance(1_000);
  const { lanes } = orchestrator.stats();
  await closeAll();
  jest.restoreAllMocks();
  expect(service.most).toBeLessThanOrEqual(maxConcurrent);
  return { ends, answersMs, lanes, arrivalsMs: service.arrivals };
}
