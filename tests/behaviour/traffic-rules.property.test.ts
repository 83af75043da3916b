import { afterEach, describe, expect, jest, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { AgentsInput } from '../../src/agents/agent-registry.js';
import type { CallOutcome } from '../../src/contracts/result.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { httpError } from './scripted-agents.js';
import { closeAll, openWith, Service } from './traffic-orchestrator.js';
import { call, play, scene } from './traffic-scenes.js';

afterEach(closeAll);
afterEach(() => {
  jest.restoreAllMocks();
});

type Options = Partial<AsyncOrchestratorOptions<AgentsInput>>;

const calls = fc.array(call, { minLength: 1, maxLength: 40, size: 'max' });

/** Calls of which none is ever answered. */
const deadCalls = calls.map((all) =>
  all.map((own) => ({ ...own, steps: Array.from({ length: 5 }, () => ({ latencyMs: 5, status: 503 })) })),
);

describe('one option turns on one thing', () => {
  test.each<[string, Options]>([
    ['a breaker', { breaker: { minimumCalls: 1_000_000 } }],
    ['a hedge', { hedge: { afterMs: 3_600_000 } }],
    ['a budget', { budget: { usd: 1_000_000, perCallUsd: 0.01 } }],
  ])('%s that has no reason to act changes nothing about the calls of a function', async (_, options) => {
    await fc.assert(
      fc.asyncProperty(scene(calls), async (drawn) => {
        const played = { ...drawn, jitter: 'none' as const };
        const plain = await play({ ...played, options: {} });
        const under = await play({ ...played, options });
        const told = ({ ends }: typeof plain) =>
          ends.map(({ outcome, attempts, endedAtMs }) => ({ outcome, attempts, endedAtMs }));
        expect(told(under)).toEqual(told(plain));
        expect(under.arrivalsMs).toEqual(plain.arrivalsMs);
        for (const lane of Object.values(under.lanes))
          expect(lane).toMatchObject({ pauses: 0, pausedForMs: 0, adaptive: undefined });
        expect(plain.lanes).toEqual({});
      }),
      { seed: 4, numRuns: 25 },
    );
  });
});

describe('an open breaker', () => {
  const options = fc
    .tuple(
      fc.constantFrom<Options>(
        {},
        { limits: { maxConcurrent: 5 } },
        { limits: { requestsPerMinute: 1_000 } },
      ),
      fc.constantFrom<Options>({}, { hedge: { afterMs: 50 } }, { hedge: {} }),
      fc.constantFrom<Options>({}, { budget: { usd: 1_000, perCallUsd: 1 } }),
      fc.constantFrom<Options>({}, { cache: true }, { fairness: {} }),
      fc.constantFrom<Options>({}, { maxRetries: 5 }, { maxRetries: 0 }, { deadlineMs: 60_000 }),
    )
    .map((all) => Object.assign({}, ...all) as Options);

  test('fails calls within the same instant, counts no attempt, and has a fallback answer, under any other options', async () => {
    await fc.assert(
      fc.asyncProperty(
        options,
        fc.integer({ min: 1, max: 30 }),
        fc.boolean(),
        async (own, count, hasFallback) => {
          const broken = new Service(() => {
            throw httpError(500);
          });
          const fallbacks = hasFallback ? ['other'] : [];
          const { orchestrator, clock } = openWith([broken], {
            agents: [broken.agent('agent', { fallbacks }), { name: 'other', run: () => 'from the other' }],
            breaker: { minimumCalls: 2, openMs: 3_600_000, windowMs: 3_600_000 },
            ...own,
          });
          for (let made = 0; orchestrator.stats().lanes['function/agent']?.breaker !== 'open'; made += 1) {
            if (made > 20) throw new Error('never opened');
            const ended = orchestrator.executeMultiple([['agent', `before ${made}`]]);
            await clock.advance(60_000);
            await ended;
          }
          const [asked, atMs] = [broken.asked.length, clock.now()];
          const outcomes = await orchestrator.executeMultiple(
            Array.from({ length: count }, (_, index) => ['agent', `${index}`] as const),
          );
          expect([clock.now(), broken.asked.length]).toEqual([atMs, asked]);
          for (const outcome of outcomes as CallOutcome[]) {
            if (hasFallback) {
              expect(outcome).toMatchObject({ success: true, output: 'from the other', attempts: 1 });
              continue;
            }
            expect(outcome).toMatchObject({ success: false, attempts: 0 });
            const { error } = outcome as CallOutcome & { success: false };
            expect([error.code, error.details.endedBecause]).toEqual(['TUTTI_CIRCUIT_OPEN', 'breaker-open']);
            expect(error.message).toMatch(/tried again in \d+ ms/);
          }
          await closeAll();
        },
      ),
      { seed: 5, numRuns: 40 },
    );
  });
});

/** What the message says in words and numbers, by the reason that the details name. */
const SAID: Readonly<Record<string, RegExp>> = {
  'attempts-used': /All \d+ attempts of agent|\d+ attempts? (was|were) made/,
  'lane-down': /has not answered for \d+ ms/,
  deadline: /(deadline|permit).* after \d+ ms/,
  'wait-too-long':
    /asks to wait \d+ ms, longer than the \d+ ms|would wait about \d+ ms, past its deadline in \d+ ms/,
  'not-retryable': /HTTP 400/,
  'breaker-open': /tried again in \d+ ms/,
};

describe('every failure', () => {
  test('says in its details and in words why the call ended, with the numbers', async () => {
    const reasons = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(scene(fc.oneof(calls, deadCalls)), fc.boolean(), async (drawn, hasBreaker) => {
        const breaker = hasBreaker ? { breaker: { minimumCalls: 3 } } : {};
        const retry = { maxWaitMs: 2_000 };
        const { ends } = await play({ ...drawn, options: { ...drawn.options, ...breaker, retry } });
        for (const { full, attempts } of ends) {
          if (full.success) continue;
          const { endedBecause } = full.error.details;
          reasons.add(endedBecause);
          const said = SAID[endedBecause as string];
          expect({ endedBecause, message: full.error.message, isKnown: said !== undefined }).toEqual({
            endedBecause,
            message: expect.stringMatching(said ?? /never/),
            isKnown: true,
          });
          if (endedBecause === 'attempts-used' || endedBecause === 'not-retryable')
            expect(attempts).toBeGreaterThan(0);
        }
      }),
      { seed: 7, numRuns: 80 },
    );
    expect(reasons).toEqual(new Set(Object.keys(SAID)));
  });
});
