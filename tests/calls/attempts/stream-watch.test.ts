import { describe, expect, test } from '@jest/globals';
import { type AgentFunction, AsyncOrchestrator, TimeoutError } from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { rejectionOf, wait } from '../../behaviour/scripted-agents.js';
import { counting } from '../streams.js';

describe('the clocks of a stream', () => {
  const paced = (clock: FakeClock, pausesMs: number[]): AgentFunction =>
    async function* (_task, { signal }) {
      for (const pauseMs of pausesMs) {
        await Promise.race([
          wait(clock, pauseMs),
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        ]);
        yield 'x';
      }
    };

  test('firstTokenMs ends an attempt whose first event does not come, which is tried again', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      timeouts: { firstTokenMs: 100 },
      retry: { minDelayMs: 10, jitter: 'none' },
      agents: {
        sleepy: (task, context) => {
          attempts += 1;
          return paced(clock, attempts === 1 ? [500] : [50, 500])(task, context);
        },
      },
    });
    const stream = orchestrator.stream('sleepy', 't');
    const result = stream.result;
    await clock.advance(5_000);
    expect(await result).toMatchObject({ output: 'xx', attempts: 2, timings: { firstTokenMs: 50 } });
    const never = rejectionOf(
      TimeoutError,
      orchestrator.stream('sleepy', 't', { maxRetries: 0, timeouts: { firstTokenMs: 10 } }).result,
    );
    await clock.advance(1_000);
    expect(await never).toMatchObject({ scope: 'first-token', timeoutMs: 10, attempt: 1, retryable: true });
    await clock.advance(10_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test('idleMs ends a stream that goes silent, which is not tried again', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      timeouts: { idleMs: 100 },
      agents: { sleepy: paced(clock, [500, 90, 90, 150, 10]) },
    });
    const stream = orchestrator.stream('sleepy', 't');
    const seen: unknown[] = [];
    const failing = rejectionOf(
      TimeoutError,
      (async () => {
        for await (const event of stream) seen.push(event);
      })(),
    );
    await clock.advance(10_000);
    expect(await failing).toMatchObject({ scope: 'idle', timeoutMs: 100, retryable: false });
    expect(seen).toHaveLength(3);
    expect(orchestrator.stats()).toMatchObject({ attempts: 1, timedOut: 1, abandoned: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('idleMs does not run while the reader is slow', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      timeoutMs: 1_000_000,
      timeouts: { idleMs: 100 },
      agents: { counting: counting(40) },
    });
    const stream = orchestrator.stream('counting', 't');
    let read = 0;
    const reading = (async () => {
      for await (const _event of stream) {
        read += 1;
        await wait(clock, 1_000);
      }
    })();
    await clock.advance(100_000);
    await reading;
    expect(read).toBe(41);
    expect((await stream.result).success).toBe(true);
  });

  test('stop with the stream: no timer is left', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      timeouts: { firstTokenMs: 100, idleMs: 100, queueMs: 100 },
      agents: { counting: counting(3) },
    });
    await orchestrator.stream('counting', 't').result;
    expect(clock.pendingTimers).toBe(0);
  });
});
