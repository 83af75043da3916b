import { describe, expect, test } from '@jest/globals';
import { Lane } from '../../../src/resilience/lane/lane.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { passOf } from '../admitted.js';

const SMALL = { inputTokens: 1, outputTokens: 1 };
const RETRY_AFTER_MS = 2_000;

/** A service that rejects everything until `recoversAtMs`, and what reached it when. */
async function outage(maxConcurrent: number, recoversAtMs: number) {
  const clock = new FakeClock();
  let seed = 3;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const lane = new Lane('p/m', { clock, random, limits: { maxConcurrent }, adaptive: false });
  const arrivals: number[] = [];
  const call = async (): Promise<boolean> => {
    for (let retries = 0; ; retries += 1) {
      const pass = await passOf(lane, SMALL, 4);
      pass.send();
      const arrivedMs = clock.now();
      arrivals.push(arrivedMs);
      await new Promise<void>((resolve) => clock.setTimeout(() => resolve(), 20, undefined));
      if (arrivedMs >= recoversAtMs) {
        pass.answered();
        return true;
      }
      pass.failed({ failure: 'rate-limited', retryAfterMs: RETRY_AFTER_MS });
      if (retries === 2 || !lane.tryRetry()) return false;
    }
  };
  const calls = Promise.all(Array.from({ length: 50 }, call));
  await clock.advance(55_000);
  const answered = (await calls).filter(Boolean).length;
  return { arrivals, answered };
}

function expectSpread(arrivals: readonly number[], retries: readonly number[]): void {
  expect(Math.min(...retries)).toBeGreaterThanOrEqual(RETRY_AFTER_MS + 20);
  for (const start of retries) {
    const together = retries.filter((atMs) => atMs >= start && atMs < start + 100).length;
    expect(together).toBeLessThanOrEqual(Math.max(1, retries.length / 4));
  }
  expect(arrivals.length).toBeLessThanOrEqual(1.3 * 50);
}

describe('an outage of 50 calls', () => {
  test('met by all of them at once: retries wait, come spread, and are few', async () => {
    const { arrivals, answered } = await outage(50, 1_000);
    expect(arrivals.filter((atMs) => atMs === 0)).toHaveLength(50);
    expectSpread(
      arrivals,
      arrivals.filter((atMs) => atMs > 0),
    );
    expect(answered).toBe(10);
  });

  test('met by ten while the others wait: all are answered', async () => {
    const { arrivals, answered } = await outage(10, 1_000);
    expect(arrivals.filter((atMs) => atMs === 0)).toHaveLength(10);
    expectSpread(
      arrivals,
      arrivals.filter((atMs) => atMs > 0),
    );
    expect(answered).toBe(50);
  });

  test('that does not end: no more than 1.3 requests a call', async () => {
    const { arrivals, answered } = await outage(50, Number.POSITIVE_INFINITY);
    expect(answered).toBe(0);
    expect(arrivals.length).toBeLessThanOrEqual(65);
  });
});
