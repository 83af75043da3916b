import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadExample } from './load-example.js';
import { withFolder } from './temporary-folder.js';

interface SourceFile {
  path: string;
  kind: string;
}
interface Task {
  agent: string;
  task: string;
  params?: { path: string };
}
interface Plan {
  total: number;
  skipped: Array<{ path: string; reason: string }>;
  tasks(): AsyncIterable<Task>;
}
interface Arguments {
  help: boolean;
  folder: string;
  concurrency: number;
  report: string;
  cache: string;
}

const { findFiles, checkFolder } = await loadExample<{
  findFiles: (root: string, options?: { leaveOut?: string[] }) => Promise<SourceFile[]>;
  checkFolder: (folder: string) => Promise<void>;
}>('codebase-review/input/files.mjs');
const { planTasks } = await loadExample<{ planTasks: (root: string, files: SourceFile[]) => Plan }>(
  'codebase-review/input/tasks.mjs',
);
const MAX_TASK_CHARS = 100_000;
const { readArguments } = await loadExample<{ readArguments: (argv: string[]) => Arguments }>(
  'codebase-review/arguments.mjs',
);

async function collect(plan: Plan): Promise<Task[]> {
  const tasks: Task[] = [];
  for await (const task of plan.tasks()) tasks.push(task);
  return tasks;
}

describe('findFiles', () => {
  test('finds documents and sources and leaves out what is built, foreign, hidden or linked', async () => {
    const files = [
      ...['README.md', 'src/a.ts', 'src/b.mjs', 'docs/x.markdown', 'src/c.TSX'],
      ...['node_modules/m/index.js', 'dist/a.js', 'coverage/c.js', '.git/d.md', 'docs/api/e.md', 'data.json'],
    ];
    await withFolder(Object.fromEntries(files.map((path) => [path, 'text'])), async (root) => {
      await symlink(root, join(root, 'ring'));
      expect(await findFiles(root)).toEqual([
        { path: 'README.md', kind: 'markdown' },
        { path: 'docs/x.markdown', kind: 'markdown' },
        { path: 'src/a.ts', kind: 'code' },
        { path: 'src/b.mjs', kind: 'code' },
        { path: 'src/c.TSX', kind: 'code' },
      ]);
      expect(await findFiles(root, { leaveOut: [join(root, 'README.md')] })).toHaveLength(4);
    });
  });
});

describe('checkFolder', () => {
  test('refuses what is not there and what is not a folder', async () => {
    await withFolder({ 'a.md': '' }, async (root) => {
      await expect(checkFolder(root)).resolves.toBeUndefined();
      await expect(checkFolder(join(root, 'gone'))).rejects.toThrow(/There is no folder ".*gone"/);
      await expect(checkFolder(join(root, 'a.md'))).rejects.toThrow(/"[^"]*a\.md" is not a folder/);
    });
  });
});

describe('planTasks', () => {
  const code = (path: string): SourceFile => ({ path, kind: 'code' });

  test('gives every file to the agents of its kind, and all files together to the one that compares', async () => {
    await withFolder({ 'a.md': '# A', 'b.ts': 'const b = 1;' }, async (root) => {
      const plan = planTasks(root, [{ path: 'a.md', kind: 'markdown' }, code('b.ts')]);
      const tasks = await collect(plan);
      expect(tasks.map(({ agent, params }) => `${agent} ${params?.path ?? ''}`.trim())).toEqual([
        ...['summarize a.md', 'readability a.md', 'find-todos a.md', 'check-links a.md'],
        ...['flaky-proofreader a.md', 'slow-reader a.md'],
        ...['summarize b.ts', 'readability b.ts', 'find-todos b.ts', 'complexity b.ts'],
        ...['flaky-proofreader b.ts', 'slow-reader b.ts', 'find-duplicates'],
      ]);
      expect(tasks[0]?.task).toBe('# A');
      expect(plan.total).toBe(tasks.length);
    });
  });

  test('skips what cannot be a task, says why and counts it out', async () => {
    const files = {
      'a-empty.ts': ' \n',
      'b-long.ts': 'x'.repeat(MAX_TASK_CHARS + 1),
      'c-huge.ts': 'x'.repeat(4 * MAX_TASK_CHARS + 1),
      'e-full.ts': 'x'.repeat(MAX_TASK_CHARS),
    };
    await withFolder(files, async (root) => {
      const plan = planTasks(root, [...Object.keys(files), 'd-gone.ts'].map(code));
      const tasks = await collect(plan);
      expect(plan.skipped).toEqual([
        { path: 'a-empty.ts', reason: 'empty' },
        { path: 'b-long.ts', reason: 'longer than 100,000 characters' },
        { path: 'c-huge.ts', reason: 'longer than 100,000 characters' },
        { path: 'd-gone.ts', reason: 'cannot be read (ENOENT)' },
      ]);
      expect(new Set(tasks.map(({ params }) => params?.path))).toEqual(new Set(['e-full.ts', undefined]));
      expect(plan.total).toBe(tasks.length);
    });
  });

  test('counts to zero when no file is left', async () => {
    const plan = planTasks('/nowhere', [code('gone.ts')]);
    expect(await collect(plan)).toEqual([]);
    expect(plan.total).toBe(0);
  });

  test('cuts the list of files into as many tasks as it takes', async () => {
    const paths = Array.from({ length: 480 }, (_, n) => `${'long-name-'.repeat(22)}${n}.ts`);
    await withFolder(Object.fromEntries(paths.map((path) => [path, 'x'])), async (root) => {
      const plan = planTasks(root, paths.map(code));
      const comparing = (await collect(plan)).filter(({ agent }) => agent === 'find-duplicates');
      expect(comparing).toHaveLength(2);
      expect(comparing.every(({ task }) => task.length <= MAX_TASK_CHARS)).toBe(true);
      const listed = comparing.flatMap(({ task }) => (JSON.parse(task) as { files: SourceFile[] }).files);
      expect(listed.map(({ path }) => path)).toEqual(paths);
    });
  });

  test('changes the comparing task when a file changes', async () => {
    const taskFor = (text: string): Promise<string | undefined> =>
      withFolder(
        { 'a.ts': text },
        async (root) => (await collect(planTasks(root, [code('a.ts')]))).at(-1)?.task,
      );
    expect(await taskFor('one')).not.toBe(await taskFor('two'));
    expect(await taskFor('one')).toBe(await taskFor('one'));
  });
});

describe('readArguments', () => {
  test('has defaults for everything', () => {
    expect(readArguments([])).toEqual({
      help: false,
      folder: process.cwd(),
      concurrency: 8,
      cache: 'use',
      model: false,
      report: join(process.cwd(), 'tutti-report.md'),
    });
  });

  test('takes a folder, a limit and a place for the report', () => {
    const given = readArguments(['/some/folder', '--concurrency', '3', '--report=/some/report.md']);
    expect(given).toEqual({
      help: false,
      folder: '/some/folder',
      concurrency: 3,
      report: '/some/report.md',
      cache: 'use',
      model: false,
    });
    expect(readArguments(['--fresh']).cache).toBe('fresh');
    expect(readArguments(['--no-cache']).cache).toBe('off');
  });

  test.each(['0', '-1', '1.5', 'NaN', '', '1001', '1e2', 'many'])('refuses --concurrency=%s', (given) => {
    expect(() => readArguments([`--concurrency=${given}`])).toThrow(/whole number from 1 to 1000; got/);
  });

  test('refuses unknown options and a second folder', () => {
    expect(() => readArguments(['--fast'])).toThrow(/--fast/);
    expect(() => readArguments(['a', 'b'])).toThrow(/One folder at a time; got a, b/);
  });
});
