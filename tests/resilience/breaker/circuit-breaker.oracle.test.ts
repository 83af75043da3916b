import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { circuitBreaker, handleAll, CircuitState as OracleState, SamplingBreaker } from 'cockatiel';
import fc from 'fast-check';
import { parseOptions } from '../../../src/input/parse-options.js';
import { CircuitBreaker } from '../../../src/resilience/breaker/circuit-breaker.js';
import { breakerSchema } from '../../../src/resilience/traffic-options.js';
import { systemClock } from '../../../src/time/clock.js';

const OPEN_MS = 5_000;
// The oracle forgets by slices of its own length, so runs stay within one window, where both count alike.
const WINDOW_MS = 600_000;

const step = fc.record({
  outcome: fc.constantFrom('succeeded' as const, 'failed' as const),
  waitMs: fc.constantFrom(0, 10, 400, 2_500, 5_000),
});

const NAMES: Partial<Record<OracleState, string>> = {
  [OracleState.Closed]: 'closed',
  [OracleState.Open]: 'open',
  [OracleState.HalfOpen]: 'half-open',
};

describe('CircuitBreaker beside cockatiel', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('lets the same calls through and is in the same state after each, for calls one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const settings = parseOptions(breakerSchema(), { windowMs: WINDOW_MS, openMs: OPEN_MS }, 'options');
        const ours = new CircuitBreaker('test', systemClock, settings);
        // Its ratio has to be exceeded where ours has to be reached; its minimum is a rate.
        const oracle = circuitBreaker(handleAll, {
          halfOpenAfter: OPEN_MS,
          breaker: new SamplingBreaker({
            threshold: 0.5 - 1e-9,
            duration: WINDOW_MS,
            minimumRps: 4.5 / (WINDOW_MS / 1_000),
          }),
        });
        for (const { outcome, waitMs } of steps) {
          await jest.advanceTimersByTimeAsync(waitMs);
          let admitted = false;
          await oracle
            .execute(() => {
              admitted = true;
              if (outcome === 'failed') throw new Error('failed');
            })
            .catch(() => undefined);
          expect(ours.retryAfterMs === 0).toBe(admitted);
          const before: string = ours.state.state;
          if (admitted) ours[outcome](ours.admit());
          expect(ours.state.state).toBe(NAMES[oracle.state]);
          // From here on they differ: the oracle counts a successful probe as a call of the new window.
          if (before === 'open' && ours.state.state === 'closed') return;
        }
      }),
      { numRuns: 100 },
    );
  });
});
