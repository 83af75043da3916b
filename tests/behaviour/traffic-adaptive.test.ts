import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { type CapacitySample, expectCapacityFound } from '../resilience/lane/capacity-steps.js';
import { seeded } from './seeded-random.js';
import { closeAll, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);
afterEach(() => {
  jest.restoreAllMocks();
});

const SAMPLE_MS = 50;

/** Works on `capacity` requests at once, each for about `meanMs`; tells the others 429 within 5 ms, without headers. */
function limitedService(meanMs: number) {
  const state = { capacity: 16, working: 0, rejections: 0 };
  const rejected = new Set<number>();
  const service = new Service(
    ({ index }) => {
      if (rejected.has(index)) throw Object.assign(new Error('too many requests'), { status: 429 });
      state.working -= 1;
      return 'answer';
    },
    ({ index }) => {
      if (state.working >= state.capacity) {
        state.rejections += 1;
        rejected.add(index);
        return 5;
      }
      state.working += 1;
      return meanMs * (0.6 + (0.8 * ((index * 7_919) % 101)) / 100);
    },
  );
  return { service, state };
}

/** Keeps 60 callers busy for a minute while the capacity steps 16, 4, 16, with every setting at its default. */
async function simulate(meanMs: number) {
  const { service, state } = limitedService(meanMs);
  const { orchestrator, clock } = openWith([service], {
    agents: [service.agent('agent')],
    maxConcurrent: 60,
    limits: { maxConcurrent: 1_000 },
  });
  let isOver = false;
  let failed = 0;
  const caller = async (): Promise<void> => {
    while (!isOver) await orchestrator.execute('agent', 'task').catch(() => (failed += 1));
  };
  const callers = Promise.all(Array.from({ length: 60 }, caller));
  const samples: CapacitySample[] = [];
  for (let atMs = 0; atMs < 60_000; atMs += SAMPLE_MS) {
    if (atMs === 20_000) state.capacity = 4;
    if (atMs === 40_000) state.capacity = 16;
    await clock.advance(SAMPLE_MS);
    samples.push({ atMs, working: state.working });
  }
  const lane = orchestrator.stats().lanes['function/agent'];
  isOver = true;
  await clock.advance(60_000);
  await callers;
  return { samples, failed, lane, rejectedShare: state.rejections / service.asked.length };
}

describe('an agent that tells nothing of its limits', () => {
  test.each([50, 100, 200])(
    'has its capacity of 16, 4 and 16 again found within 10 s each time, at %d ms an answer',
    async (meanMs) => {
      // The same jitter each time: in one run of twenty, one call of thousands meets a rejection at every attempt.
      jest.spyOn(Math, 'random').mockImplementation(seeded(1));
      const { samples, failed, lane, rejectedShare } = await simulate(meanMs);
      expectCapacityFound(samples);
      expect(rejectedShare).toBeLessThan(0.03);
      expect(failed).toBe(0);
      expect(lane?.adaptive?.cuts).toBeGreaterThan(2);
    },
  );
});
