import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type AgentFunction,
  AsyncOrchestrator,
  type AsyncOrchestratorOptions,
  defineAgent,
  RunChangedError,
  type RunOptions,
  type TaskInput,
  type TaskSource,
  TaskSourceError,
} from '../../../src/index.js';
import { rejectionOf } from '../../behaviour/scripted-agents.js';

let root: string;
let directory: string;
let executed: string[];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-changed-tasks-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  directory = await mkdtemp(join(root, 'run-'));
  executed = [];
});

const echo: AgentFunction = (task) => {
  executed.push(task);
  return task.toUpperCase();
};

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

describe('tasks that changed', () => {
  const params = { temperature: 0 };
  const before: TaskInput[] = [
    ['echo', 'a'],
    { agent: 'echo', task: 'b', params, model: 'm', tenant: 't' },
    ['echo', 'c'],
  ];
  const second = (change: object): TaskInput[] => [
    before[0] as TaskInput,
    { agent: 'echo', task: 'b', params, model: 'm', tenant: 't', ...change },
    before[2] as TaskInput,
  ];

  test.each([
    ['agent', second({ agent: 'other' }), ['agent']],
    ['task', second({ task: 'B' }), ['task']],
    ['params', second({ params: { temperature: 1 } }), ['params']],
    ['model', second({ model: undefined }), ['model']],
    ['tenant', second({ tenant: 'u' }), ['tenant']],
    ['agent and task', second({ agent: 'other', task: 'B' }), ['agent', 'task']],
    ['admission', second({ agent: 'nobody' }), ['admission']],
  ])('are named by index and by what differs: %s', async (_what, tasks, differs) => {
    await run(before);
    executed = [];
    const agents = { agents: { echo, other: echo } };
    for (const source of [tasks, later(tasks)]) {
      const error = await rejectionOf(RunChangedError, run(source, {}, agents));
      expect(error).toMatchObject({
        code: 'TUTTI_RUN_CHANGED',
        retryable: false,
        index: 1,
        differs,
        runId: 'r',
      });
      expect(error.message).toMatch(/task 1 .*Give it the tasks it began with/);
    }
    expect(executed).toEqual([]);
  });

  test('are found before any work is done in a list, also where the task had not been run', async () => {
    await run(before, { signal: AbortSignal.abort() });
    await expect(run([...before.slice(0, 2), ['echo', 'C']])).rejects.toMatchObject({
      index: 2,
      differs: ['task'],
    });
    expect(executed).toEqual([]);
  });

  test('are found by the definition of their agent', async () => {
    const agentOf = (instructions: string) => ({
      agents: [defineAgent({ name: 'echo', instructions, run: echo })],
    });
    await run(before, {}, agentOf('Be kind.'));
    await expect(run(before, {}, agentOf('Be brief.'))).rejects.toMatchObject({
      index: 0,
      differs: ['definition'],
    });
  });

  test.each([
    ['shorter', before.slice(0, 2), 2],
    ['longer', [...before, ['echo', 'd'] as TaskInput], 4],
  ])('are found by their number when there are fewer or more: %s', async (_what, tasks, index) => {
    await run(before);
    executed = [];
    for (const source of [tasks, new Set(tasks), later(tasks)]) {
      const error = await rejectionOf(RunChangedError, run(source));
      expect(error).toMatchObject({ differs: ['length'], index });
    }
    expect(executed).toEqual([]);
  });

  test('are found by their number when only the recorded ones are known', async () => {
    async function* failing(): AsyncGenerator<TaskInput> {
      yield* before;
      throw new Error('no more');
    }
    await rejectionOf(TaskSourceError, run(failing()));
    await expect(run(before.slice(0, 1))).rejects.toMatchObject({ differs: ['length'], index: 1 });
  });

  test('end the reading of their source', async () => {
    await run(later(before));
    let isClosed = false;
    async function* changed(): AsyncGenerator<TaskInput> {
      try {
        yield ['echo', 'z'];
        yield ['echo', 'y'];
      } finally {
        isClosed = true;
      }
    }
    await rejectionOf(RunChangedError, run(changed()));
    expect(isClosed).toBe(true);
  });
});
