import { describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator, type CallOutcome, type RunProgress, type TaskInput } from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { turn } from '../behaviour/scripted-agents.js';

const echo = (task: string): string => task;
const outputs = (outcomes: readonly CallOutcome[]): unknown[] =>
  outcomes.map((outcome) => (outcome.success ? outcome.output : outcome.error.code));

describe('onProgress of a run', () => {
  test('tells how far it has come', async () => {
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 1,
      agents: {
        echo,
        bad: async () => {
          throw new Error('x');
        },
      },
    });
    const seen: RunProgress[] = [];
    const tasks: TaskInput[] = [
      ['echo', 'a'],
      ['bad', 'b'],
      ['nobody', 'c'],
    ];
    const outcomes = await orchestrator.executeMultiple(tasks, {
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen.map(({ done, failed, cached, total }) => [done, failed, cached, total])).toEqual([
      [1, 0, 0, 3],
      [2, 1, 0, 3],
      [3, 2, 0, 3],
    ]);
    expect(seen.map(({ result }) => result)).toEqual(outcomes);
    seen.length = 0;
    await orchestrator.executeMultiple(new Set(tasks), { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)?.total).toBe(3);
    seen.length = 0;
    await orchestrator.executeMultiple(tasks.values(), { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).not.toHaveProperty('total');
  });

  test('says what calls wait for: how many, why and until when', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      limits: { requestsPerMinute: 1 },
      agents: { echo },
    });
    const waiting: RunProgress['waiting'][] = [];
    const run = orchestrator.executeMultiple(
      ['a', 'b', 'c'].map((task) => ['echo', task] as const),
      { onProgress: (progress) => waiting.push(progress.waiting) },
    );
    await clock.advance(600_000);
    expect(outputs(await run)).toEqual(['a', 'b', 'c']);
    expect(waiting).toEqual([
      { count: 2, reason: 'rate-limit', untilMs: expect.any(Number) },
      { count: 1, reason: 'rate-limit', untilMs: expect.any(Number) },
      undefined,
    ]);
    expect(waiting[1]?.untilMs).toBeGreaterThan(waiting[0]?.untilMs as number);
  });

  test('goes on when onProgress throws or rejects, which is logged', async () => {
    const logged: unknown[] = [];
    const nothing = (): void => {};
    const orchestrator = new AsyncOrchestrator({
      agents: { echo },
      logger: { debug: nothing, info: nothing, warn: nothing, error: (fields) => logged.push(fields) },
    });
    const failure = new Error('in onProgress');
    const throwing = await orchestrator.executeMultiple([['echo', 'a']], {
      onProgress: () => {
        throw failure;
      },
    });
    const rejecting = await orchestrator.executeMultiple([['echo', 'a']], {
      onProgress: async () => {
        throw failure;
      },
    });
    await turn();
    expect(outputs([...throwing, ...rejecting])).toEqual(['a', 'a']);
    expect(logged).toEqual([{ error: failure }, { error: failure }]);
  });
});
