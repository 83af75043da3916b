// Covers: src/runs/resumed/task-fingerprint.ts, src/runs/resumed/journal-reader.ts
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator, type CallOutcome, type TaskContent, type TaskInput } from '../../../src/index.js';
import { rejection } from '../../behaviour/scripted-agents.js';

let root: string;
let directory: string;
let made = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-content-run-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Asks the agent about each; counts how often it is asked. */
async function run(
  tasks: readonly TaskContent[],
  isLazy: boolean,
): Promise<{ results: CallOutcome[]; asked: number }> {
  let asked = 0;
  const agent = (text: string): string => {
    asked += 1;
    return `${text}!`;
  };
  await using orchestrator = new AsyncOrchestrator({ agents: { agent } });
  const inputs: TaskInput[] = tasks.map((task) => ['agent', task]);
  async function* later(): AsyncGenerator<TaskInput> {
    yield* inputs;
  }
  const results = await orchestrator.executeMultiple((isLazy ? later() : inputs) as TaskInput[], {
    ...{ runId: 'r', directory, secret: 'the secret of these tests' },
  });
  return { results, asked };
}

async function newFile(name: string, text: string): Promise<{ path: string }> {
  const path = join(directory, name);
  await writeFile(path, text);
  return { path };
}

describe.each([
  ['a list', false],
  ['a generator', true],
])('a run with conversations and files from %s', (_kind, isLazy) => {
  test('is resumed with its outcomes and their turns; a renamed file is the same', async () => {
    directory = join(root, `${made++}`);
    await mkdir(directory);
    const file = await newFile('a.txt', 'one');
    const tasks = (given: { path: string }): TaskContent[] => [
      { text: 'first', messages: [{ role: 'assistant', content: 'hi' }] },
      { text: 'second', files: [given, { data: Buffer.from('two'), mediaType: 'text/plain' }] },
      'third',
    ];
    const before = await run(tasks(file), isLazy);
    expect(before).toMatchObject({
      asked: 3,
      results: [{ success: true }, { success: true }, { success: true }],
    });
    const renamed = { path: join(directory, 'b.txt') };
    await rename(file.path, renamed.path);
    const after = await run(tasks(renamed), isLazy);
    expect(after.asked).toBe(0);
    expect(after.results[0]).toMatchObject({
      output: 'first!',
      messages: [
        { role: 'user', content: 'first' },
        { role: 'assistant', content: 'first!' },
      ],
    });
    expect(after.results[1]).toMatchObject({ messages: [{ content: [{ file: renamed }, {}, {}] }, {}] });
    expect(after.results[2]).not.toHaveProperty('messages');
  });

  test.each([
    ['a byte of a file', async (file: { path: string }) => writeFile(file.path, 'onE')],
    ['a turn', async () => undefined],
  ])('is refused when %s has changed', async (what, change) => {
    directory = join(root, `${made++}`);
    await mkdir(directory);
    const file = await newFile('a.txt', 'one');
    const task = (said: string): TaskContent => ({
      messages: [{ role: 'user', content: said }],
      text: 'what?',
      files: [file],
    });
    await run(['other', task('hello')], isLazy);
    await change(file);
    const again = run(['other', task(what === 'a turn' ? 'hallo' : 'hello')], isLazy);
    expect(await rejection(again)).toMatchObject({ code: 'TUTTI_RUN_CHANGED', index: 1, differs: ['task'] });
  });

  test('has a file that cannot be read as a failure in its place', async () => {
    directory = join(root, `${made++}`);
    const { results } = await run([{ files: [{ path: join(root, 'none') }] }, 'other'], isLazy);
    expect(results).toMatchObject([
      { success: false, error: { code: 'TUTTI_INVALID_ARGUMENT', field: 'task.files[0].path' } },
      { success: true },
    ]);
  });
});
