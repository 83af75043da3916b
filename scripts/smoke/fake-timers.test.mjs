// Run in a folder where the packed package is installed, by Vitest and by Jest (which needs its flag for ES modules):
// a user's test with the fake timers of either.
import { AsyncOrchestrator } from 'tutti';
import { provideCode } from 'tutti/testing';

const isVitest = process.env.VITEST === 'true';
const runner = await import(isVitest ? 'vitest' : '@jest/globals');
const timers = isVitest ? runner.vi : runner.jest;
const { afterEach, beforeEach, expect, test } = runner;

beforeEach(() => {
  provideCode();
  timers.useFakeTimers();
});
afterEach(() => {
  timers.useRealTimers();
});

test('a call that fails is tried again after its backoff', async () => {
  let attempts = 0;
  const flaky = async () => {
    attempts += 1;
    if (attempts < 3) throw Object.assign(new Error('busy'), { status: 503 });
    return 'at last';
  };
  const orchestrator = new AsyncOrchestrator({ agents: { flaky }, retry: { jitter: 'none' } });
  const call = orchestrator.execute('flaky', 'try');
  await timers.advanceTimersByTimeAsync(999);
  expect(attempts).toBe(1);
  await timers.advanceTimersByTimeAsync(2_001);
  expect(await call).toMatchObject({ output: 'at last', attempts: 3 });
});

test('an attempt that takes too long ends with its timeout', async () => {
  const orchestrator = new AsyncOrchestrator({
    agents: { never: () => new Promise(() => {}) },
    maxRetries: 0,
  });
  const call = orchestrator.executeMultiple([['never', 'wait']]);
  await timers.advanceTimersByTimeAsync(30_000);
  const [failure] = await call;
  expect(failure.error).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'attempt' });
});
