// Covers: src/runs/collect-run.ts, src/errors/run-errors.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  AsyncOrchestrator,
  type CallOutcome,
  ClosedError,
  type RunOptions,
  type RunProgress,
  RunStoppedError,
  type TaskSource,
  TimeoutError,
} from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { rejectionOf, waitOrAbort } from '../behaviour/scripted-agents.js';

const five = ['a', 'b', 'c', 'd', 'e'].map((task) => ['slow', task] as const);
const outputOrCode = (outcome: CallOutcome): string =>
  outcome.success ? outcome.output : outcome.error.code;

/** An orchestrator for two tasks at once, of 100 ms each, that keeps what it logs as a warning. */
function openOrchestrator(): { clock: FakeClock; orchestrator: AsyncOrchestrator; warnings: unknown[] } {
  const clock = new FakeClock();
  const warnings: unknown[] = [];
  const orchestrator = new AsyncOrchestrator({
    clock,
    maxConcurrent: 2,
    logger: { debug() {}, info() {}, error() {}, warn: (...line: unknown[]) => warnings.push(line) },
    agents: { slow: (task, { signal }) => waitOrAbort(clock, 100, signal).then(() => task) },
  });
  return { clock, orchestrator, warnings };
}

/** Stops a run by its signal while its third and fourth task are running. */
async function stopEach(tasks: TaskSource, options: RunOptions = {}): Promise<[string[], unknown]> {
  const { clock, orchestrator } = openOrchestrator();
  const controller = new AbortController();
  const seen: string[] = [];
  const run = (async () => {
    for await (const outcome of orchestrator.executeEach(tasks, { ...options, signal: controller.signal })) {
      seen.push(outputOrCode(outcome));
    }
  })().catch((error: unknown) => error);
  await clock.advance(150);
  controller.abort('enough');
  await clock.advance(0);
  return [seen, await run];
}

describe('executeEach of a run that is stopped', () => {
  test.each([
    ['in order of completion', false],
    ['in input order', true],
  ])(
    'says so and gives nothing for the tasks of a generator that were not read, %s',
    async (_name, ordered) => {
      const progress: RunProgress[] = [];
      const onProgress = (each: RunProgress): unknown => progress.push(each);
      const [seen, error] = await stopEach(five.values(), { ordered, onProgress });
      expect(seen).toEqual(['a', 'b', 'TUTTI_CANCELLED', 'TUTTI_CANCELLED']);
      expect(error).toBeInstanceOf(RunStoppedError);
      expect(error).toMatchObject({ tasksRead: 4, total: undefined, runId: undefined, cause: 'enough' });
      expect(progress.at(-1)).toMatchObject({ done: 4, failed: 0, cancelled: 2, cached: 0 });
    },
  );

  test('gives a failure for each task of an array that did not run', async () => {
    const progress: RunProgress[] = [];
    const [seen, error] = await stopEach(five, { onProgress: (each) => progress.push(each) });
    expect(seen).toEqual(['a', 'b', 'TUTTI_CANCELLED', 'TUTTI_CANCELLED', 'TUTTI_CANCELLED']);
    expect(error).toBeUndefined();
    expect(progress.at(-1)).toMatchObject({ done: 5, failed: 0, cancelled: 3, total: 5 });
  });

  test('ends without an error when all its tasks had been read', async () => {
    const [seen, error] = await stopEach(new Set(five.slice(0, 4)));
    expect(seen).toEqual(['a', 'b', 'TUTTI_CANCELLED', 'TUTTI_CANCELLED']);
    expect(error).toBeUndefined();
  });

  test('has as its cause what stopped it: the deadline, or closing', async () => {
    const late = openOrchestrator();
    const pastDeadline = (async () => {
      for await (const _each of late.orchestrator.executeEach(five.values(), { deadlineMs: 50 }));
    })();
    const timedOut = rejectionOf(RunStoppedError, pastDeadline);
    await late.clock.advance(50);
    expect((await timedOut).cause).toBeInstanceOf(TimeoutError);

    const { clock, orchestrator } = openOrchestrator();
    const run = (async () => {
      for await (const _each of orchestrator.executeEach(five.values()));
    })();
    const closed = rejectionOf(RunStoppedError, run);
    await clock.advance(50);
    const closing = orchestrator.close({ drainMs: 0 });
    await clock.advance(0);
    expect((await closed).cause).toBeInstanceOf(ClosedError);
    await closing;
  });

  test('logs nothing when its reader leaves', async () => {
    const { clock, orchestrator, warnings } = openOrchestrator();
    const run = (async () => {
      for await (const _each of orchestrator.executeEach(five.values())) break;
    })();
    await clock.advance(1_000);
    await run;
    expect(warnings).toEqual([]);
  });
});

describe('executeMultiple', () => {
  test('resolves when it is stopped, and logs how to continue', async () => {
    const { clock, orchestrator, warnings } = openOrchestrator();
    const controller = new AbortController();
    const run = orchestrator.executeMultiple(five.values(), { signal: controller.signal });
    await clock.advance(150);
    controller.abort();
    await clock.advance(0);
    expect((await run).map(outputOrCode)).toEqual(['a', 'b', 'TUTTI_CANCELLED', 'TUTTI_CANCELLED']);
    expect(warnings).toEqual([
      [
        { runId: undefined, tasksRead: 4, total: undefined },
        expect.stringContaining('Give runs a runId and a directory'),
      ],
    ]);
  });
});

test('a stopped run says in its error and in the log how to continue it, and is continued', async () => {
  const warnings: unknown[] = [];
  const logger = { debug() {}, info() {}, error() {}, warn: (...line: unknown[]) => warnings.push(line) };
  const controller = new AbortController();
  const directory = await mkdtemp(join(tmpdir(), 'tutti-stopped-'));
  const ran: string[] = [];
  const echo = (task: string): string => {
    ran.push(task);
    return task;
  };
  const collect = async (signal?: AbortSignal): Promise<string[]> => {
    await using orchestrator = new AsyncOrchestrator({ logger, maxConcurrent: 1, agents: { echo } });
    const tasks = ['a', 'b', 'c', 'd'].map((task) => ['echo', task] as const);
    const options = { runId: 'stopped', directory, secret: 'a secret of enough bytes', signal };
    const seen: string[] = [];
    for await (const outcome of orchestrator.executeEach(tasks.values(), options)) {
      if (outcome.success) seen.push(outcome.output);
      controller.abort();
    }
    return seen;
  };
  const error = await rejectionOf(RunStoppedError, collect(controller.signal));
  expect(error.message).toContain('make the same call again with runId "stopped"');
  expect(warnings).toEqual([
    [expect.objectContaining({ runId: 'stopped' }), expect.stringContaining('runId "stopped"')],
  ]);
  expect(await collect()).toEqual(['a', 'b', 'c', 'd']);
  expect(ran.filter((task) => task === 'a')).toHaveLength(1);
  await rm(directory, { recursive: true });
});
