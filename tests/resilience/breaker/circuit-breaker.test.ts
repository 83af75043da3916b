import { describe, expect, test } from '@jest/globals';
import type { BreakerSettings } from '../../../src/contracts/traffic.js';
import { parseOptions } from '../../../src/input/parse-options.js';
import { CircuitBreaker } from '../../../src/resilience/breaker/circuit-breaker.js';
import { breakerSchema } from '../../../src/resilience/traffic-options.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

function breakerOf(options: BreakerSettings = {}) {
  const clock = new FakeClock();
  const states: string[] = [];
  const breaker = new CircuitBreaker(
    'p/m',
    clock,
    parseOptions(breakerSchema(), options, 'options'),
    ({ state }) => void states.push(state),
  );
  const times = (count: number, outcome: 'succeeded' | 'failed' | 'cancelled') => {
    for (let index = 0; index < count; index += 1) breaker[outcome](breaker.admit());
  };
  return { clock, breaker, states, times };
}

async function openOne(options: BreakerSettings = {}) {
  const parts = breakerOf(options);
  parts.times(5, 'failed');
  return parts;
}

describe('CircuitBreaker', () => {
  test('closed: opens when half of at least five calls failed', () => {
    const { breaker, times } = breakerOf();
    times(2, 'succeeded');
    times(2, 'failed');
    expect(breaker.state).toEqual({ state: 'closed' });
    times(1, 'failed');
    expect(breaker.state).toEqual({ state: 'open', untilMs: 30_000 });
  });

  test('closed: stays closed below the ratio and below the number of calls', () => {
    const { breaker, times } = breakerOf();
    times(4, 'failed');
    expect(breaker.state.state).toBe('closed');
    const other = breakerOf({ failureRatio: 0.6 });
    other.times(50, 'succeeded');
    other.times(50, 'failed');
    expect(other.breaker.state.state).toBe('closed');
  });

  test('closed: a lifetime of success before does not delay opening', async () => {
    const { clock, breaker, times } = breakerOf();
    times(100_000, 'succeeded');
    await clock.advance(60_000);
    times(5, 'failed');
    expect(breaker.state.state).toBe('open');
  });

  test('closed: failures that are older than the window do not count', async () => {
    const { clock, breaker, times } = breakerOf();
    times(4, 'failed');
    await clock.advance(60_000);
    times(1, 'failed');
    expect(breaker.state.state).toBe('closed');
  });

  test('closed: cancelled calls never count', () => {
    const { breaker, times } = breakerOf();
    times(100, 'cancelled');
    times(4, 'failed');
    expect(breaker.state.state).toBe('closed');
    times(1, 'failed');
    expect(breaker.state.state).toBe('open');
  });

  test('open: refuses every call and says how long', async () => {
    const { clock, breaker } = await openOne();
    await clock.advance(10_000);
    expect(breaker.retryAfterMs).toBe(20_000);
    let refusal: unknown;
    try {
      breaker.admit();
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({
      code: 'TUTTI_CIRCUIT_OPEN',
      retryAfterMs: 20_000,
      lane: 'p/m',
      retryable: true,
    });
  });

  test('open: late outcomes of calls from before change nothing', async () => {
    const { breaker, times } = breakerOf();
    const late = [breaker.admit(), breaker.admit(), breaker.admit()] as const;
    times(5, 'failed');
    breaker.succeeded(late[0]);
    breaker.failed(late[1]);
    breaker.cancelled(late[2]);
    expect(breaker.state).toEqual({ state: 'open', untilMs: 30_000 });
  });

  test('half-open: exactly one of 100 waiting calls is let through as a probe', async () => {
    const { clock, breaker } = await openOne();
    await clock.advance(30_000);
    let admitted = 0;
    for (let call = 0; call < 100; call += 1) {
      try {
        breaker.admit();
        admitted += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: 'TUTTI_CIRCUIT_OPEN', retryAfterMs: 1_000 });
      }
    }
    expect(admitted).toBe(1);
    expect(breaker.state).toEqual({ state: 'half-open', probes: 1, successes: 0 });
  });

  test('half-open: a successful probe closes it, with a clean window', async () => {
    const { clock, breaker, times, states } = await openOne();
    await clock.advance(30_000);
    expect(breaker.retryAfterMs).toBe(0);
    times(1, 'succeeded');
    expect(breaker.state).toEqual({ state: 'closed' });
    times(4, 'failed');
    expect(breaker.state.state).toBe('closed');
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });

  test('half-open: a failed probe opens it for the whole time again', async () => {
    const { clock, breaker, times } = await openOne();
    await clock.advance(31_000);
    times(1, 'failed');
    expect(breaker.state).toEqual({ state: 'open', untilMs: 61_000 });
  });

  test('half-open: a cancelled probe neither closes nor opens it and makes room for another', async () => {
    const { clock, breaker, times } = await openOne();
    await clock.advance(30_000);
    times(1, 'cancelled');
    expect(breaker.state).toEqual({ state: 'half-open', probes: 0, successes: 0 });
    times(1, 'succeeded');
    expect(breaker.state.state).toBe('closed');
  });

  test('half-open: takes as many successes as probes are allowed', async () => {
    const { clock, breaker } = await openOne({ halfOpenCalls: 3 });
    await clock.advance(30_000);
    const probes = [breaker.admit(), breaker.admit(), breaker.admit()];
    expect(() => breaker.admit()).toThrow('Circuit open');
    breaker.succeeded(probes[0] as number);
    expect(() => breaker.admit()).toThrow('Circuit open');
    breaker.succeeded(probes[1] as number);
    expect(breaker.state).toEqual({ state: 'half-open', probes: 1, successes: 2 });
    breaker.succeeded(probes[2] as number);
    expect(breaker.state.state).toBe('closed');
  });
});
