import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { AgentFunction } from '../../src/contracts/agent.js';
import type { CallOutcome } from '../../src/contracts/result.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { httpError, RunCounter, wait, waitOrAbort } from './scripted-agents.js';
import { seeded } from './seeded-random.js';

const LIMIT = 8;
const COST_USD = 0.001;

afterEach(() => {
  jest.restoreAllMocks();
});

/** A provider that is down for a second in every five, and in between answers, fails, rejects, hangs or is deaf. */
class RoughProvider {
  requests = 0;
  startedAfterCancelling = 0;
  readonly cancelled = new Set<string>();
  readonly #counter: RunCounter;
  readonly #clock: FakeClock;
  readonly #random: () => number;

  constructor(counter: RunCounter, clock: FakeClock, random: () => number) {
    this.#counter = counter;
    this.#clock = clock;
    this.#random = random;
  }

  readonly run: AgentFunction = async (task, { signal }) => {
    this.requests += 1;
    this.#counter.enter();
    if (this.cancelled.has(task)) this.startedAfterCancelling += 1;
    try {
      await this.#work(signal);
      this.#fail();
      return { output: 'ok', costUsd: COST_USD, usage: { inputTokens: 5, outputTokens: 5 } };
    } finally {
      this.#counter.leave();
    }
  };

  async #work(signal: AbortSignal): Promise<void> {
    const [kind, ms] = [this.#random(), Math.floor(this.#random() * 20)];
    if (kind < 0.03) await wait(this.#clock, 60 + ms);
    else if (kind < 0.06) await waitOrAbort(this.#clock, 1_000, signal);
    else await waitOrAbort(this.#clock, ms, signal);
  }

  #fail(): void {
    if (this.#clock.now() % 5_000 >= 4_000) throw httpError(503);
    const luck = this.#random();
    if (luck < 0.02) throw httpError(429, { retryAfterMs: Math.floor(luck * 10_000) });
    if (luck < 0.06) throw httpError(500);
    if (luck < 0.08) throw httpError(400);
    if (luck < 0.1) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
  }
}

describe('10,000 calls through lanes, breaker, hedge and budget at limit 8', () => {
  test.each([1, 2, 3, 20_261_128])(
    'never run more than 8, start nothing that was cancelled and leave nothing behind (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      jest.spyOn(Math, 'random').mockImplementation(random);
      const clock = new FakeClock();
      const counter = new RunCounter();
      const rough = (): RoughProvider => new RoughProvider(counter, clock, random);
      const providers = [rough(), rough()] as const;
      const orchestrator = new AsyncOrchestrator({
        clock,
        maxConcurrent: LIMIT,
        timeoutMs: 50,
        abandonMs: 200,
        retry: { minDelayMs: 5, maxDelayMs: 200 },
        limits: { maxConcurrent: 6, requestsPerMinute: 1_000_000 },
        breaker: { minimumCalls: 20, failureRatio: 0.6, windowMs: 1_000, openMs: 300 },
        hedge: { afterMs: 15 },
        budget: { usd: 1_000, perCallUsd: 0.01 },
        fairness: {},
        agents: [
          { name: 'one', run: providers[0].run, fallbacks: ['two'] },
          { name: 'two', run: providers[1].run },
        ],
      });
      const signals: AbortSignal[] = [];
      const shared = new AbortController();
      let settled = 0;
      const ends = new Map<string, number>();
      const count = (end: string): void => void ends.set(end, (ends.get(end) ?? 0) + 1);

      const submit = (index: number): void => {
        const agent = random() < 0.5 ? 'one' : 'two';
        const task = `task ${index}`;
        const options: { signal?: AbortSignal; deadlineMs?: number; priority?: number; tenant?: string } = {};
        if (random() < 0.15) {
          const controller = new AbortController();
          options.signal = controller.signal;
          signals.push(controller.signal);
          const abort = (): void => {
            for (const provider of providers) provider.cancelled.add(task);
            controller.abort();
          };
          clock.setTimeout(abort, Math.floor(random() * 2_000), undefined);
        } else if (random() < 0.1) options.signal = shared.signal;
        if (random() < 0.2) options.deadlineMs = 1 + Math.floor(random() * 3_000);
        if (random() < 0.2) options.priority = Math.floor(random() * 5) - 2;
        if (random() < 0.5) options.tenant = `tenant ${Math.floor(random() * 4)}`;
        orchestrator.execute(agent, task, options).then(
          () => {
            count('answered');
            settled += 1;
          },
          (error: { details: Record<string, unknown> }) => {
            count(String(error.details.endedBecause));
            settled += 1;
          },
        );
      };

      const runTasks = Array.from({ length: 2_000 }, (_, index) => ({
        agent: index % 2 === 0 ? 'one' : 'two',
        task: `run ${index}`,
      }));
      const run: Promise<CallOutcome[]> = orchestrator.executeMultiple(runTasks as never[]);
      for (let submitted = 0; submitted < 8_000; ) {
        for (let burst = 0; burst < 20; burst += 1) submit(submitted++);
        await clock.advance(50);
      }
      const isIdle = (): boolean => {
        const { inFlight, running } = orchestrator.stats();
        return inFlight === 0 && running === 0;
      };
      for (let round = 0; round < 3_000 && !isIdle(); round += 1) await clock.advance(50);
      expect(isIdle()).toBe(true);

      const outcomes = await run;
      expect([outcomes.length, settled]).toEqual([2_000, 8_000]);
      expect([counter.most, counter.now]).toEqual([LIMIT, 0]);
      for (const provider of providers) {
        expect(provider.startedAfterCancelling).toBe(0);
        expect(provider.requests).toBeGreaterThan(1_000);
      }
      for (const end of ['answered', 'cancelled', 'deadline', 'not-retryable', 'attempts-used'])
        expect({ end, times: ends.get(end) ?? 0 }).not.toEqual({ end, times: 0 });
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
      expect(Math.min(stats.hedges, stats.fallbacks, stats.retries)).toBeGreaterThan(5);
      for (const lane of Object.values(stats.lanes)) {
        expect(lane).toMatchObject({ inFlight: 0, waiting: 0, waitingFor: undefined });
        expect(lane.pauses).toBeGreaterThan(5);
      }
      expect(stats.budget?.reservedUsd).toBe(0);
      expect(stats.budget?.spentUsd).toBeGreaterThan(stats.succeeded * COST_USD * 0.999);

      // The callers' own timers, which abort calls that have long settled, may be left; ours may not.
      await clock.advance(5_000);
      expect(clock.pendingTimers).toBe(0);
      for (const signal of [...signals, shared.signal])
        expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      await orchestrator.close();
    },
    30_000,
  );
});
