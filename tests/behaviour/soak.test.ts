import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { type AgentFunction, AsyncOrchestrator, type CallOutcome } from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { httpError, wait, waitOrAbort } from './scripted-agents.js';
import { seeded } from './seeded-random.js';

const LIMIT = 8;

describe('10,000 calls with random aborts, timeouts, failures and successes at limit 8', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  test.each([1, 20_261_121])(
    'never run more than 8, start nothing that was cancelled and leave nothing behind (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      // The jitter of the backoff too, so that a seed that fails fails again.
      jest.spyOn(Math, 'random').mockImplementation(random);
      const clock = new FakeClock();
      let running = 0;
      let mostRunning = 0;
      let startedAfterCancelling = 0;
      const cancelled = new Set<string>();
      const signals: AbortSignal[] = [];

      // Some look at their signal, some are deaf and stop late; none runs longer than abandonMs.
      const agent: AgentFunction = async (task, { signal }) => {
        running += 1;
        mostRunning = Math.max(mostRunning, running);
        if (cancelled.has(task)) startedAfterCancelling += 1;
        const kind = random();
        const ms = Math.floor(random() * 40);
        try {
          if (kind < 0.1) await wait(clock, 60 + ms);
          else if (kind < 0.2) await waitOrAbort(clock, 1_000, signal);
          else if (kind < 0.8) await waitOrAbort(clock, ms, signal);
          const luck = random();
          if (luck < 0.15) throw httpError(503, luck < 0.05 ? { retryAfterMs: 20 } : {});
          if (luck < 0.25) throw httpError(400);
          if (luck < 0.3) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
          return 'ok';
        } finally {
          running -= 1;
        }
      };
      const orchestrator = new AsyncOrchestrator({
        clock,
        maxConcurrent: LIMIT,
        timeoutMs: 50,
        abandonMs: 200,
        retry: { minDelayMs: 5, maxDelayMs: 40 },
        agents: { agent },
      });
      const shared = new AbortController();
      const outcomes: Array<'ok' | string> = [];
      let settled = 0;

      const submit = (index: number): void => {
        const task = `task ${index}`;
        const options: { signal?: AbortSignal; deadlineMs?: number; priority?: number } = {};
        const how = random();
        if (how < 0.25) {
          const controller = new AbortController();
          options.signal = controller.signal;
          signals.push(controller.signal);
          clock.setTimeout(
            () => {
              cancelled.add(task);
              controller.abort();
            },
            Math.floor(random() * 300),
            undefined,
          );
        } else if (how < 0.35) options.signal = shared.signal;
        if (random() < 0.2) options.deadlineMs = 1 + Math.floor(random() * 200);
        if (random() < 0.2) options.priority = Math.floor(random() * 5) - 2;
        orchestrator.execute('agent', task, options).then(
          () => {
            outcomes[index] = 'ok';
            settled += 1;
          },
          (error: { code: string }) => {
            outcomes[index] = error.code;
            settled += 1;
          },
        );
      };

      let submitted = 0;
      const runTasks = function* (): Generator<[string, string]> {
        for (let index = 0; index < 2_000; index += 1) yield ['agent', `run ${index}`];
      };
      const run: Promise<CallOutcome[]> = orchestrator.executeMultiple(runTasks());
      while (submitted < 8_000) {
        for (let burst = 0; burst < 40; burst += 1) submit(submitted++);
        await clock.advance(20);
      }
      const isIdle = (): boolean => {
        const { inFlight, running: held } = orchestrator.stats();
        return inFlight === 0 && held === 0;
      };
      for (let round = 0; round < 2_000 && !isIdle(); round += 1) await clock.advance(50);
      expect(isIdle()).toBe(true);
      expect((await run).length).toBe(2_000);

      expect(settled).toBe(8_000);
      expect(mostRunning).toBe(LIMIT);
      expect(running).toBe(0);
      expect(startedAfterCancelling).toBe(0);
      expect(new Set(outcomes)).toEqual(
        new Set(['ok', 'TUTTI_CANCELLED', 'TUTTI_TIMEOUT', 'TUTTI_AGENT_FAILED', 'TUTTI_RETRIES_EXHAUSTED']),
      );
      const stats = orchestrator.stats();
      expect(stats).toMatchObject({
        submitted: 10_000,
        running: 0,
        queued: 0,
        backingOff: 0,
        inFlight: 0,
        abandoned: 0,
      });
      expect(stats.succeeded + stats.failed + stats.cancelled).toBe(10_000);
      // The callers' own timers, which abort calls that have long settled, may be left; ours may not.
      await clock.advance(1_000);
      expect(clock.pendingTimers).toBe(0);
      for (const signal of [...signals, shared.signal])
        expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    },
    30_000,
  );
});
