import { afterEach, describe, expect, jest, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { CallOutcome } from '../../src/contracts/result.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { describeOutcome, perform, type ScriptStep } from './failure-scripts.js';
import { seeded } from './seeded-random.js';
import { closeAll, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);
afterEach(() => {
  jest.restoreAllMocks();
});

/** A call, what it meets attempt after attempt, and what it may do; what comes after the last step is answered. */
interface OwnScript {
  readonly atMs: number;
  readonly steps: readonly ScriptStep[];
  readonly maxRetries: number;
  readonly priority: number;
  readonly tenant: string;
  readonly deadlineMs: number | undefined;
}

interface Scene {
  readonly seed: number;
  readonly maxConcurrent: number;
  readonly options: Partial<AsyncOrchestratorOptions>;
  readonly calls: readonly OwnScript[];
}

interface CallEnd {
  readonly outcome: string;
  readonly attempts: number;
  readonly endedAtMs: number;
}

const step = fc.record({
  latencyMs: fc.integer({ min: 1, max: 300 }),
  status: fc.constantFrom(429, 503, 529, 500, 408, 409, 400),
  retryAfterMs: fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: undefined, freq: 3 }),
});

const call: fc.Arbitrary<OwnScript> = fc.record({
  atMs: fc.integer({ min: 0, max: 5_000 }),
  steps: fc.oneof(
    { arbitrary: fc.constant([]), weight: 2 },
    { arbitrary: fc.array(step, { minLength: 1, maxLength: 4 }), weight: 3 },
  ),
  maxRetries: fc.nat(3),
  priority: fc.integer({ min: -1, max: 1 }),
  tenant: fc.constantFrom('a', 'b', 'c'),
  deadlineMs: fc.option(fc.integer({ min: 100, max: 20_000 }), { nil: undefined, freq: 6 }),
});

const lane = fc.constantFrom<Partial<AsyncOrchestratorOptions>>(
  { limits: { maxConcurrent: 1_000 } },
  { limits: { maxConcurrent: 3 } },
  { limits: { requestsPerMinute: 100_000 } },
);
const also = fc.constantFrom<Partial<AsyncOrchestratorOptions>>(
  {},
  { breaker: { minimumCalls: 1_000_000 } },
  { hedge: { afterMs: 3_600_000 } },
  { budget: { usd: 1_000_000, perCallUsd: 1 } },
);

const scene = (calls: fc.Arbitrary<OwnScript[]>): fc.Arbitrary<Scene> =>
  fc.record({
    seed: fc.nat(),
    maxConcurrent: fc.integer({ min: 1, max: 20 }),
    options: fc.tuple(lane, also).map(([one, other]) => ({ ...one, ...other })),
    calls,
  });

/** Plays a scene until all its calls have ended; `answersMs` is when the lane answered. */
async function play({ seed, maxConcurrent, options, calls }: Scene) {
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
  });
  const ends: CallEnd[] = [];
  const submit = async (index: number): Promise<void> => {
    const { maxRetries, priority, tenant, deadlineMs } = calls[index] as OwnScript;
    const task = { agent: 'agent', task: String(index), maxRetries, priority, tenant, deadlineMs };
    const [outcome] = (await orchestrator.executeMultiple([task])) as [CallOutcome];
    const { attempts } = outcome;
    ends[index] = { outcome: describeOutcome(outcome), attempts, endedAtMs: clock.now() };
  };
  for (const [index, { atMs }] of calls.entries()) clock.setTimeout((own) => void submit(own), atMs, index);
  for (let atMs = 0; atMs < 600_000 && Object.keys(ends).length < calls.length; atMs += 1_000)
    await clock.advance(1_000);
  jest.restoreAllMocks();
  await closeAll();
  return { ends, answersMs };
}

/** What the call's own script makes of it. */
function ownEnd({ steps, maxRetries }: OwnScript): { outcome: RegExp; attempts: number } {
  const final = steps.findIndex(({ status }) => status === 400);
  const failures = final < 0 ? steps.length : final;
  if (failures > maxRetries) return { outcome: /attempts-used$/, attempts: maxRetries + 1 };
  return { outcome: final < 0 ? /^answer$/ : /not-retryable$/, attempts: failures + 1 };
}

/** How long the call's own backoffs last at most, in milliseconds. */
const backoffsMs = ({ maxRetries }: OwnScript): number => 1_000 * (2 ** maxRetries - 1);

function expectOwnEnds(calls: readonly OwnScript[], { ends, answersMs }: Awaited<ReturnType<typeof play>>) {
  let own = 0;
  for (const [index, script] of calls.entries()) {
    const end = ends[index];
    const expected = ownEnd(script);
    const told = { index, script, end, expected };
    if (end === undefined) throw new Error(`never ended: ${JSON.stringify(told)}`);
    if (end.outcome.endsWith('lane-down')) {
      // Only where nothing was answered for as long as its own retries would have lasted, and it waited as long.
      const fromMs = end.endedAtMs - backoffsMs(script);
      expect({ told, answers: answersMs.filter((atMs) => atMs > fromMs && atMs < end.endedAtMs) }).toEqual({
        told,
        answers: [],
      });
      expect({ told, isEarly: fromMs < script.atMs }).toEqual({ told, isEarly: false });
    } else if (/deadline|TUTTI_RATE_LIMITED/.test(end.outcome)) {
      expect({ told, hasDeadline: script.deadlineMs !== undefined }).toEqual({ told, hasDeadline: true });
    } else {
      own += 1;
      expect({ told, outcome: end.outcome, attempts: end.attempts }).toEqual({
        told,
        outcome: expect.stringMatching(expected.outcome),
        attempts: expected.attempts,
      });
    }
  }
  return own / calls.length;
}

describe('the outcome of a call', () => {
  test('depends on its own script and its own limits, whatever the other calls meet', async () => {
    const shares: number[] = [];
    await fc.assert(
      fc.asyncProperty(scene(fc.array(call, { minLength: 1, maxLength: 60 })), async (played) => {
        shares.push(expectOwnEnds(played.calls, await play(played)));
      }),
      { seed: 1, numRuns: 100 },
    );
    console.log(shares.length, shares.reduce((a, b) => a + b) / shares.length, Math.min(...shares));
  });
});
