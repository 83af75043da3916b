// Covers: src/errors/run-errors.ts, src/journal/fingerprint.ts, src/journal/outcome-value.ts
// Covers: src/journal/run-records.ts, src/journal/task-pages.ts, src/runs/resumed/task-fingerprint.ts
// Covers: src/runs/resumed/journal-reader.ts, src/runs/resumed/journaled-source.ts
// Covers: src/runs/resumed/recording-sink.ts, src/runs/resumed/task-fingerprint.ts
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  AgentError,
  type AgentFunction,
  AsyncOrchestrator,
  type AsyncOrchestratorOptions,
  ClosedError,
  defineAgent,
  InvalidArgumentError,
  RetriesExhaustedError,
  RunBusyError,
  RunChangedError,
  RunJournalError,
  type RunOptions,
  type RunProgress,
  type TaskInput,
  type TaskSource,
  TaskSourceError,
  type TimeoutError,
} from '../../../src/index.js';
import { deleteRun, getRun, readRun } from '../../../src/journal/index.js';
import { openDatabase } from '../../../src/sqlite/open-database.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { deferred, rejectionOf } from '../../behaviour/scripted-agents.js';

let root: string;
let directory: string;
let executed: string[];
let broken: Set<string>;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-runs-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  directory = await mkdtemp(join(root, 'run-'));
  executed = [];
  broken = new Set();
});

const echo: AgentFunction = (task) => {
  executed.push(task);
  if (broken.has(task)) throw Object.assign(new Error(`no luck with ${task}`), { status: 400 });
  return { output: task.toUpperCase(), usage: { inputTokens: 1 }, costUsd: 0.5 };
};

const pairs = (...tasks: string[]): TaskInput[] => tasks.map((task) => ['echo', task]);

async function* later(tasks: readonly TaskInput[]): AsyncGenerator<TaskInput> {
  yield* tasks;
}

function run(
  tasks: TaskSource,
  options: RunOptions = {},
  made: AsyncOrchestratorOptions = {},
): ReturnType<AsyncOrchestrator['executeMultiple']> {
  const orchestrator = new AsyncOrchestrator({ agents: { echo }, ...made });
  return orchestrator.executeMultiple(tasks as TaskInput[], { runId: 'r', directory, ...options });
}

/** What the next run executes. */
async function executedBy(tasks: TaskSource, options: RunOptions = {}): Promise<string[]> {
  executed = [];
  await run(tasks, options);
  return executed;
}

const journal = (): string =>
  join(
    directory,
    'runs',
    readdirSync(join(directory, 'runs')).find((name) => name.endsWith('.db')) as string,
  );

describe('a run with a runId', () => {
  test.each([
    ['an array', (tasks: TaskInput[]): TaskSource => tasks],
    ['a set', (tasks: TaskInput[]): TaskSource => new Set(tasks)],
    ['an async iterable', (tasks: TaskInput[]): TaskSource => later(tasks)],
  ])('gives the same results again without running anything, from %s', async (_what, from) => {
    const tasks = Array.from({ length: 300 }, (_none, index): TaskInput => ['echo', `t${index}`]);
    const first = await run(from(tasks));
    expect(executed).toHaveLength(300);
    expect(await run(from(tasks))).toStrictEqual(first);
    expect(executed).toHaveLength(300);
  });

  test('keeps its journal in a folder and a file for their owner alone', async () => {
    await run(pairs('a'));
    expect(statSync(join(directory, 'runs')).mode & 0o777).toBe(0o700);
    expect(statSync(journal()).mode & 0o777).toBe(0o600);
  });

  test('runs a list in order of priority, and recalls it from there', async () => {
    const tasks = Array.from({ length: 300 }, (_none, index) => ({
      agent: 'echo',
      task: `t${index}`,
      priority: index % 7,
    }));
    broken.add('t299');
    await run(tasks);
    broken.clear();
    expect(await executedBy(tasks, { retryFailed: true })).toEqual(['t299']);
    const results = await run(tasks);
    expect(results.map((result) => result.success && result.output)).toEqual(
      tasks.map(({ task }) => task.toUpperCase()),
    );
  });

  test('reports recalled results as progress', async () => {
    await run(pairs('a', 'b'));
    const progress: RunProgress[] = [];
    await run(pairs('a', 'b'), { onProgress: (step) => progress.push(step) });
    expect(progress.map(({ done, total }) => [done, total])).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });

  test('gives each task the metadata it has now', async () => {
    await run([{ agent: 'echo', task: 'a', metadata: { row: 1 } }]);
    const [result] = await run([{ agent: 'echo', task: 'a', metadata: { row: 2, call: String } }]);
    expect(result?.metadata).toEqual({ row: 2, call: String });
  });

  test('an empty run is complete', async () => {
    expect(await run([])).toEqual([]);
    expect(await getRun({ directory, runId: 'r' })).toMatchObject({ length: 0, isComplete: true });
  });

  test('runs with other names have journals of their own, also where only the case differs', async () => {
    await run(pairs('a'), { runId: 'x/y' });
    await run(pairs('b'), { runId: 'X/Y' });
    await run(pairs('c'), { runId: 'x y' });
    expect(executed).toEqual(['a', 'b', 'c']);
  });

  test('reads a list that is longer than what is written at once', async () => {
    const tasks = Array.from({ length: 9_000 }, (_none, index): TaskInput => ['echo', `t${index}`]);
    const aborted = AbortSignal.abort();
    await run(tasks, { signal: aborted });
    expect(executed).toEqual([]);
    const changed = [...tasks];
    changed[8_999] = ['echo', 'other'];
    await expect(run(changed)).rejects.toMatchObject({ index: 8_999, differs: ['task'] });
  });

  test('keeps data as it is, also what JSON cannot say, and runs a task again whose data cannot be kept', async () => {
    const warnings: unknown[] = [];
    const logger = { debug() {}, info() {}, error() {}, warn: (...args: unknown[]) => warnings.push(args) };
    const agents: Record<string, AgentFunction> = {
      plain: () => ({ output: '', data: { list: [1, { deep: null }] } }),
      odd: () => ({ output: '', data: { at: new Date(7), big: 12n, map: new Map([[1, 2]]) } }),
      live: (task) => {
        executed.push(task);
        return { output: task, data: () => task };
      },
    };
    const tasks: TaskInput[] = [
      ['plain', 'a'],
      ['odd', 'b'],
      ['live', 'c'],
      ['live', 'd'],
    ];
    await run(tasks, {}, { agents, logger });
    const again = await run(tasks, {}, { agents, logger });
    expect(again[0]).toMatchObject({ data: { list: [1, { deep: null }] } });
    expect(again[1]).toMatchObject({ data: { at: expect.anything(), big: 12n } });
    expect(executed).toEqual(['c', 'd', 'c', 'd']);
    expect(warnings).toHaveLength(2);
  });
});

describe('failures on record', () => {
  test('are given back as errors of their class, with everything but their cause', async () => {
    broken.add('b');
    const first = await run(pairs('a', 'b'));
    const [, failure] = await run(pairs('a', 'b'));
    expect(executed).toEqual(['a', 'b']);
    expect(failure).toMatchObject({ success: false, agent: 'echo', attempts: 1, costUsd: undefined });
    const { error } = failure as unknown as { error: AgentError };
    expect(error).toBeInstanceOf(AgentError);
    const { code, message, retryable, details, status } = error;
    expect(error.stack).toContain('AgentError');
    expect('cause' in error).toBe(false);
    expect({ code, message, retryable, status }).toEqual({
      code: 'TUTTI_AGENT_FAILED',
      message: (first[1] as unknown as { error: AgentError }).error.message,
      retryable: false,
      status: 400,
    });
    expect(details).toMatchObject({ agent: 'echo', status: 400 });
  });

  test('are given back with the errors of every attempt', async () => {
    const agents = {
      echo: () => {
        throw Object.assign(new Error('busy'), { status: 503 });
      },
    };
    const made = { agents, retry: { minDelayMs: 0, maxDelayMs: 0 } };
    await run(pairs('a'), {}, made);
    const [failure] = await run(pairs('a'), {}, { agents: { echo } });
    const { error } = failure as unknown as { error: RetriesExhaustedError };
    expect(error).toBeInstanceOf(RetriesExhaustedError);
    expect(error.errors).toHaveLength(3);
    expect(error.errors[2]).toBeInstanceOf(AgentError);
    expect(error.cause).toBe(error.errors[2]);
  });

  test('are run again when that is wanted, and only they', async () => {
    broken.add('b').add('d');
    await run(pairs('a', 'b', 'c', 'd'));
    broken.delete('b');
    expect(await executedBy(pairs('a', 'b', 'c', 'd'), { retryFailed: true })).toEqual(['b', 'd']);
    expect(await executedBy(pairs('a', 'b', 'c', 'd'))).toEqual([]);
    expect(await getRun({ directory, runId: 'r' })).toMatchObject({ succeeded: 3, failed: 1 });
  });

  test('end a run with stopOnError, at once when they are recalled', async () => {
    broken.add('b');
    const options = { stopOnError: true };
    await rejectionOf(AgentError, run(pairs('a', 'b', 'c', 'd'), options, { maxConcurrent: 1 }));
    executed = [];
    await rejectionOf(AgentError, run(pairs('a', 'b', 'c', 'd'), options, { maxConcurrent: 1 }));
    expect(executed.filter((task) => task < 'c')).toEqual([]);
    broken.clear();
    const results = await run(pairs('a', 'b', 'c', 'd'), { ...options, retryFailed: true });
    expect(results.map(({ success }) => success)).toEqual([true, true, true, true]);
  });
});

describe('what had not finished', () => {
  test('cancelled tasks are run again, those that were done are not', async () => {
    const controller = new AbortController();
    const hold = deferred<string>();
    const agents: Record<string, AgentFunction> = {
      echo: (task, { signal }) => {
        executed.push(task);
        if (task !== 'b') return task;
        signal.addEventListener('abort', () => hold.reject(signal.reason));
        setImmediate(() => controller.abort());
        return hold.promise;
      },
    };
    const made = { agents, maxConcurrent: 1 };
    const results = await run(pairs('a', 'b', 'c'), { signal: controller.signal }, made);
    expect(results.map((result) => (result.success ? 'done' : result.error.name))).toEqual([
      'done',
      'CancelledError',
      'CancelledError',
    ]);
    expect(await executedBy(pairs('a', 'b', 'c'))).toEqual(['b', 'c']);
  });

  test('tasks cut off by the deadline of the run are run again, those that missed their own are not', async () => {
    const clock = new FakeClock();
    const bothRun = deferred<void>();
    let running = 0;
    const hang: AgentFunction = (_task, { signal }) => {
      running += 1;
      if (running === 2) bothRun.resolve();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    };
    const own: TaskInput = { agent: 'echo', task: 'own', deadlineMs: 5 };
    const ended = run([own, ['echo', 'run']], { deadlineMs: 100 }, { agents: { echo: hang }, clock });
    await bothRun.promise;
    await clock.advance(5);
    await clock.advance(95);
    const results = await ended;
    expect(results.map((result) => !result.success && result.error.name)).toEqual([
      'TimeoutError',
      'TimeoutError',
    ]);
    expect(await executedBy([own, ['echo', 'run']])).toEqual(['run']);
    const [first] = await run([own, ['echo', 'run']]);
    expect((first as unknown as { error: TimeoutError }).error).toMatchObject({
      scope: 'deadline',
      timeoutMs: 5,
    });
  });

  test('tasks that were refused are checked again', async () => {
    const tasks: TaskInput[] = [
      ['echo', 'a'],
      ['nobody', 'b'],
      { agent: 'echo', task: 'c', params: { when: new Date() } },
    ];
    const codes = (await run(tasks)).map((result) => !result.success && result.error);
    expect(codes).toMatchObject([
      false,
      { code: 'TUTTI_UNKNOWN_AGENT' },
      { code: 'TUTTI_INVALID_ARGUMENT', field: 'params.when' },
    ]);
    expect((codes[2] as Error).message).toContain('recognised when the run is resumed');
    executed = [];
    const results = await run(tasks, {}, { agents: { echo, nobody: echo } });
    expect(results.map(({ success }) => success)).toEqual([true, true, false]);
    expect(executed).toEqual(['b']);
  });

  test('a source that throws loses nothing of what was read', async () => {
    async function* failing(): AsyncGenerator<TaskInput> {
      yield* pairs('a', 'b');
      throw new Error('no more');
    }
    const error = await rejectionOf(TaskSourceError, run(failing()));
    expect(error.results).toHaveLength(2);
    expect(await executedBy(later(pairs('a', 'b', 'c')))).toEqual(['c']);
  });

  test('a run that came too late for its orchestrator can be made by another one', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const promise = orchestrator.executeMultiple(pairs('a'), { runId: 'r', directory });
    await orchestrator.close();
    await rejectionOf(ClosedError, promise);
    expect(await executedBy(pairs('a'))).toEqual(['a']);
  });

  test('closing waits for the journal', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const promise = orchestrator.executeMultiple(pairs('a'), {
      runId: 'r',
      directory,
      onProgress: () => void orchestrator.close(),
    });
    await promise;
    await orchestrator.close();
    expect(await executedBy(pairs('a'))).toEqual([]);
  });
});

describe('executeEach with a runId', () => {
  test('gives every outcome with its index, and may be left and taken up again', async () => {
    const tasks = pairs(...Array.from({ length: 40 }, (_none, index) => `t${index}`));
    const orchestrator = new AsyncOrchestrator({ agents: { echo }, maxConcurrent: 2 });
    const options = { runId: 'r', directory };
    const given: number[] = [];
    for await (const { index } of orchestrator.executeEach(tasks, options)) {
      given.push(index);
      if (given.length === 10) break;
    }
    const before = executed.length;
    // What was given out was on disk before; at most what was under way is executed again.
    expect(before).toBeLessThanOrEqual(13);
    executed = [];
    const indices: number[] = [];
    for await (const outcome of orchestrator.executeEach(tasks, options)) indices.push(outcome.index);
    expect(indices.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_none, index) => index));
    for (const index of given) expect(executed).not.toContain(`t${index}`);
  });

  test('has its journal free for the next start once its reader has left, however late its work stops', async () => {
    const orchestrator = new AsyncOrchestrator({
      agents: {
        echo: (task, { signal }) =>
          task === 'quick'
            ? 'done'
            : new Promise((_resolve, reject) => {
                signal.addEventListener('abort', () => setTimeout(() => reject(signal.reason), 20));
              }),
      },
    });
    const isOpen = () => existsSync(`${journal()}-wal`);
    for await (const _first of orchestrator.executeEach(pairs('quick', 'slow'), { runId: 'r', directory })) {
      expect(isOpen()).toBe(true);
      break;
    }
    expect(isOpen()).toBe(false);
    expect(await executedBy(pairs('quick', 'slow'))).toEqual(['slow']);
    await orchestrator.close();
  });

  test('never has more tasks executed and not on disk than may run at once', async () => {
    const tasks = pairs(...Array.from({ length: 200 }, (_none, index) => `t${index}`));
    const orchestrator = new AsyncOrchestrator({ agents: { echo }, maxConcurrent: 3 });
    let done = 0;
    for await (const _outcome of orchestrator.executeEach(tasks, { runId: 'r', directory })) {
      done += 1;
      expect(executed.length - done).toBeLessThanOrEqual(3);
    }
    expect(done).toBe(200);
  });

  test('rejects at the first step when the tasks changed', async () => {
    await run(pairs('a'));
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const each = orchestrator.executeEach(pairs('b'), { runId: 'r', directory });
    await rejectionOf(RunChangedError, each.next());
  });
});

describe('a run that is in progress', () => {
  test('cannot be begun, read or deleted a second time', async () => {
    const hold = deferred<string>();
    const begun = deferred<void>();
    const echo: AgentFunction = () => {
      begun.resolve();
      return hold.promise;
    };
    const first = run(pairs('a'), {}, { agents: { echo } });
    await begun.promise;
    const location = { directory, runId: 'r' };
    const errors = await Promise.all([
      rejectionOf(RunBusyError, run(pairs('a'))),
      rejectionOf(RunBusyError, getRun(location)),
      rejectionOf(RunBusyError, deleteRun(location)),
    ]);
    for (const error of errors)
      expect(error).toMatchObject({ code: 'TUTTI_RUN_BUSY', retryable: true, runId: 'r' });
    hold.resolve('late');
    expect(await first).toMatchObject([{ output: 'late' }]);
    expect(executed).toEqual([]);
    expect(await getRun(location)).toMatchObject({ isComplete: true });
  });
});

describe('a journal that cannot be used', () => {
  test('is an error that leaves a damaged file as it is', async () => {
    await run(pairs('a'));
    const path = journal();
    writeFileSync(path, 'not a database at all, not even nearly');
    const error = await rejectionOf(RunJournalError, run(pairs('a')));
    expect(error).toMatchObject({ code: 'TUTTI_RUN_JOURNAL', problem: 'corrupt', path, runId: 'r' });
    expect(error.message).toContain('is damaged; it was left as it is');
    expect(readFileSync(path, 'utf8')).toContain('not even nearly');
    expect(executed).toEqual(['a']);
    await rejectionOf(RunJournalError, getRun({ directory, runId: 'r' }));
    expect(await deleteRun({ directory, runId: 'r' })).toBe(true);
    expect(existsSync(path)).toBe(false);
  });

  test.each([
    ['the format of a later version', 'PRAGMA user_version=9', 'format'],
    ['the format without signatures', 'PRAGMA application_id=0; PRAGMA user_version=1', 'format'],
    ['the mark of another application', 'PRAGMA application_id=7', 'format'],
    ['a trigger', 'CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM journal; END', 'format'],
    ['a table of another shape', 'ALTER TABLE journal ADD COLUMN more', 'format'],
    ['a view in place of its table', 'DROP TABLE journal; CREATE VIEW journal AS SELECT 1 AS id', 'format'],
  ])('is an error when it has %s', async (_what, sql, problem) => {
    await run(pairs('a'));
    const database = await openDatabase(journal());
    for (const statement of sql.split(/; (?!END)/)) await database.query(statement);
    await database.close();
    const error = await rejectionOf(RunJournalError, run(pairs('a')));
    expect(error).toMatchObject({ problem });
    expect(executed).toEqual(['a']);
    expect(await deleteRun({ directory, runId: 'r' })).toBe(true);
  });

  test('is an error when the folder cannot be made', async () => {
    writeFileSync(join(directory, 'runs'), 'in the way');
    const error = await rejectionOf(RunJournalError, run(pairs('a')));
    expect(error).toMatchObject({ problem: 'cannot-open' });
  });

  test('ends the run when it fails on the way, with the results there are', async () => {
    const agents: Record<string, AgentFunction> = {
      echo: async (task) => {
        executed.push(task);
        if (task === 'b') await breakTable();
        return task;
      },
    };
    // A table that is not there any more stands for whatever makes writing fail.
    const breakTable = async (): Promise<void> => {
      const { JournalFile } = await import('../../../src/journal/journal-file.js');
      JournalFile.prototype.write = () =>
        Promise.reject(new RunJournalError({ runId: 'r', path: 'p' }, 'full', 'no.'));
    };
    const { JournalFile } = await import('../../../src/journal/journal-file.js');
    const { write } = JournalFile.prototype;
    try {
      const tasks = pairs('a', 'b', ...Array.from({ length: 20 }, (_none, index) => `t${index}`));
      const error = await rejectionOf(RunJournalError, run(tasks, {}, { agents, maxConcurrent: 1 }));
      expect(error.problem).toBe('full');
      expect(error.results).toMatchObject([{ output: 'a' }, { output: 'b' }]);
      expect(executed).toEqual(['a', 'b']);
    } finally {
      JournalFile.prototype.write = write;
    }
  });
});

describe('the records of runs', () => {
  test('say how far a run has come, and give its outcomes', async () => {
    broken.add('b');
    await run(pairs('a', 'b', 'c'));
    const location = { directory, runId: 'r' };
    const { createdAt, ...record } = (await getRun(location)) ?? { createdAt: 0 };
    expect(Math.abs(Date.now() - createdAt)).toBeLessThan(60_000);
    expect(record).toEqual({
      runId: 'r',
      path: journal(),
      length: 3,
      succeeded: 2,
      failed: 1,
      rejected: 0,
      isComplete: true,
    });
    const outcomes = [];
    for await (const outcome of readRun(location)) outcomes.push([outcome.index, outcome.success]);
    expect(outcomes).toEqual([
      [0, true],
      [1, false],
      [2, true],
    ]);
  });

  test('give the outcomes of a long run, and of none', async () => {
    await run(later(pairs(...Array.from({ length: 300 }, (_none, index) => `t${index}`))));
    let next = 0;
    for await (const { index } of readRun({ directory, runId: 'r' })) expect(index).toBe(next++);
    expect(next).toBe(300);
    for await (const _outcome of readRun({ directory, runId: 'none' })) throw new Error('there is none');
  });

  test('know nothing of a run that was deleted or never was', async () => {
    const location = { directory, runId: 'r' };
    expect(await getRun(location)).toBeUndefined();
    expect(await deleteRun(location)).toBe(false);
    await run(pairs('a'));
    expect(await deleteRun(location)).toBe(true);
    expect(readdirSync(join(directory, 'runs'))).toEqual([]);
    expect(await executedBy(pairs('anything'))).toEqual(['anything']);
  });

  test.each([
    ['options', undefined],
    ['directory', { runId: 'r' }],
    ['runId', { directory: 'd' }],
    ['runID', { directory: 'd', runId: 'r', runID: 'r' }],
  ])('refuse an unfit %s', async (field, location) => {
    const error = await rejectionOf(
      InvalidArgumentError,
      getRun(location as unknown as { directory: string; runId: string }),
    );
    expect(error).toMatchObject({ field });
  });
});

describe('the options of a run', () => {
  test.each([
    ['runId', { runId: '' }],
    ['runId', { runId: 'x'.repeat(201) }],
    ['runId', { runId: 7 as unknown as string }],
    ['directory', { directory: undefined }],
    ['directory', { directory: 'a\0b' }],
    ['retryFailed', { retryFailed: 'yes' as unknown as boolean }],
    ['directory', { runId: undefined }],
    ['retryFailed', { runId: undefined, directory: undefined, retryFailed: true }],
  ])('are refused at the door: %s of %j', async (field, options) => {
    const error = await rejectionOf(InvalidArgumentError, run(pairs('a'), options));
    expect(error).toMatchObject({ field });
    expect(executed).toEqual([]);
  });

  test('belong to runs, not to calls', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    await rejectionOf(InvalidArgumentError, orchestrator.execute('echo', 'a', { runId: 'r' } as object));
  });

  test('output schemas keep their data', async () => {
    const priced = defineAgent({
      name: 'echo',
      output: z.object({ price: z.number() }),
      run: () => '{"price":3}',
    });
    await run(pairs('a'), {}, { agents: [priced] });
    const [result] = await run(pairs('a'), {}, { agents: [priced] });
    expect(result).toMatchObject({ data: { price: 3 }, output: '{"price":3}' });
  });
});
