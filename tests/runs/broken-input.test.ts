import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type AgentContext,
  AsyncOrchestrator,
  type CallOutcome,
  type RunOptions,
  type TaskInput,
  type TaskSource,
  TaskSourceError,
  TuttiError,
} from '../../src/index.js';

const SECRET = 'the secret of these tests';
const broken = new Error('it is broken');
const fail = (): never => {
  throw broken;
};

let root: string;
let runs = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-broken-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

type Ended = { readonly error: unknown } | { readonly results: readonly CallOutcome[] };

/** The ways in which a run is made; each is tried with everything that is broken. */
const WAYS: ReadonlyArray<
  readonly [string, (o: AsyncOrchestrator, t: TaskSource, r: RunOptions) => Promise<CallOutcome[]>]
> = [
  [
    'executeMultiple',
    (orchestrator, tasks, options) => orchestrator.executeMultiple(tasks as TaskInput[], options),
  ],
  [
    'executeMultiple with a journal',
    (orchestrator, tasks, options) => {
      runs += 1;
      return orchestrator.executeMultiple(tasks as TaskInput[], {
        runId: `run ${runs}`,
        directory: root,
        secret: SECRET,
        ...options,
      });
    },
  ],
  [
    'executeEach',
    async (orchestrator, tasks, options) => {
      const outcomes: CallOutcome[] = [];
      for await (const outcome of orchestrator.executeEach(tasks, options)) outcomes[outcome.index] = outcome;
      return outcomes;
    },
  ],
];

/** Runs to the end and closes; that closing ends is part of every test. */
async function runAll(
  way: (typeof WAYS)[number][1],
  tasks: TaskSource,
  options: RunOptions = {},
): Promise<Ended> {
  const agents = {
    echo: (task: string, { params }: AgentContext) => task.toUpperCase() + Object.values(params).join(),
  };
  const orchestrator = new AsyncOrchestrator({ agents, maxConcurrent: 2 });
  let ended: Ended;
  try {
    ended = { results: await way(orchestrator, tasks, options) };
  } catch (error) {
    ended = { error };
  }
  await orchestrator.close({ drainMs: 0 });
  return ended;
}

const task = (text: string): TaskInput => ['echo', text];
const iterable = (iterator: object): TaskSource => ({ [Symbol.iterator]: () => iterator }) as never;
const asyncIterable = (iterator: object): TaskSource => ({ [Symbol.asyncIterator]: () => iterator }) as never;
/** Two tasks, then what is broken. */
function afterTwo(next: () => unknown): object {
  let read = 0;
  return { next: () => (read < 2 ? { done: false, value: task(`t${read++}`) } : next()) };
}

describe.each(WAYS)('%s', (_name, way) => {
  test.each<[string, () => TaskSource]>([
    ['size throws', () => Object.defineProperty(new Set([task('a')]), 'size', { get: fail })],
    [
      'iterator cannot be read',
      () => Object.defineProperty({}, Symbol.iterator, { get: fail }) as TaskSource,
    ],
    ['iterator throws', () => ({ [Symbol.iterator]: fail })],
    ['iterator is none', () => ({ [Symbol.iterator]: () => 7 }) as never],
    ['iterator is null', () => ({ [Symbol.asyncIterator]: () => null }) as never],
    ['everything throws', () => new Proxy({}, { has: fail, get: fail }) as TaskSource],
    ['length throws', () => new Proxy([task('a')], { get: fail })],
  ])('rejects with a TaskSourceError when the %s of its source', async (_what, source) => {
    const ended = await runAll(way, source());
    expect(ended).toMatchObject({ error: { code: 'TUTTI_TASK_SOURCE_FAILED' } });
  });

  test.each<[string, () => TaskSource]>([
    ['next throws', () => iterable(afterTwo(fail))],
    ['next rejects', () => asyncIterable(afterTwo(() => Promise.reject(broken)))],
    ['next returns nothing', () => iterable(afterTwo(() => undefined))],
    ['next returns a number', () => iterable(afterTwo(() => 7))],
    ['done throws', () => iterable(afterTwo(() => Object.defineProperty({}, 'done', { get: fail })))],
    [
      'value throws',
      () => iterable(afterTwo(() => Object.defineProperty({ done: false }, 'value', { get: fail }))),
    ],
    [
      'value throws later',
      () =>
        asyncIterable(afterTwo(async () => Object.defineProperty({ done: false }, 'value', { get: fail }))),
    ],
    // biome-ignore lint/suspicious/noThenProperty: a promise of another kind is what is tried
    ['then throws', () => asyncIterable(afterTwo(() => ({ then: fail })))],
    [
      'then cannot be read',
      () => asyncIterable(afterTwo(() => Object.defineProperty({}, 'then', { get: fail }))),
    ],
  ])('keeps what was read when %s', async (_what, source) => {
    const { error } = (await runAll(way, source())) as { error: TaskSourceError };
    expect(error).toBeInstanceOf(TaskSourceError);
    expect(error.tasksRead).toBe(2);
  });

  test('reads a source whose promises are of another kind to its end', async () => {
    let read = 0;
    const later = (step: object) => ({
      // biome-ignore lint/suspicious/noThenProperty: a promise of another kind is what is tried
      then: (resolve: (step: object) => void) => void setImmediate(resolve, step),
    });
    const source = asyncIterable({
      next: () =>
        later(read < 3 ? { done: false, value: task(`t${read++}`) } : { done: true, value: undefined }),
    });
    const { results } = (await runAll(way, source)) as { results: CallOutcome[] };
    expect(results.map((result) => result.success && result.output)).toEqual(['T0', 'T1', 'T2']);
  });

  test.each<[string, () => unknown]>([
    [
      'its agent throws',
      () => Object.defineProperty({ task: 'x' }, 'agent', { get: fail, enumerable: true }),
    ],
    [
      'its task throws',
      () => Object.defineProperty({ agent: 'echo' }, 'task', { get: fail, enumerable: true }),
    ],
    [
      'its priority throws',
      () => Object.defineProperty({ agent: 'echo', task: 'x' }, 'priority', { get: fail, enumerable: true }),
    ],
    [
      'its metadata throws',
      () => Object.defineProperty({ agent: 'echo', task: 'x' }, 'metadata', { get: fail, enumerable: true }),
    ],
    ['its keys throw', () => new Proxy({}, { ownKeys: fail })],
    [
      'everything of it throws',
      () => new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail }),
    ],
    ['a pair throws', () => new Proxy(['echo', 'x'], { get: fail })],
    [
      'a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
    ],
    [
      'it throws what is no error',
      () =>
        Object.defineProperty({ agent: 'echo' }, 'task', {
          enumerable: true,
          get() {
            throw undefined;
          },
        }),
    ],
    [
      'its phases throw',
      () => ({
        agent: 'echo',
        task: 'x',
        timeouts: Object.defineProperty({}, 'idleMs', { get: fail, enumerable: true }),
      }),
    ],
  ])('gives a failure in its place to a task when %s', async (_what, make) => {
    for (const source of [[task('a'), make(), task('c')], new Set([task('a'), make(), task('c')])]) {
      const { results } = (await runAll(way, source as TaskSource)) as { results: CallOutcome[] };
      expect(results.map(({ success }) => success)).toEqual([true, false, true]);
      const { error } = results[1] as unknown as { error: unknown };
      expect(TuttiError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT' });
    }
  });

  test('gives a failure in its place to a task whose parameters throw when they are read', async () => {
    const params = Object.defineProperty({}, 'temperature', { get: fail, enumerable: true });
    const { results } = (await runAll(way, [task('a'), { agent: 'echo', task: 'b', params }, task('c')])) as {
      results: CallOutcome[];
    };
    expect(results.map(({ success }) => success)).toEqual([true, false, true]);
    expect(TuttiError.isInstance((results[1] as unknown as { error: unknown }).error)).toBe(true);
  });

  test('gives a failure in its place to an element of a list that throws', async () => {
    const source = [task('a'), task('b'), task('c')];
    Object.defineProperty(source, 1, { get: fail });
    const { results } = (await runAll(way, source)) as { results: CallOutcome[] };
    expect(results.map(({ success }) => success)).toEqual([true, false, true]);
  });

  const signals: Array<[string, () => AbortSignal]> = [
    [
      'cannot be listened to',
      () => ({ aborted: false, addEventListener: fail, removeEventListener: fail }) as never,
    ],
    [
      'does not say whether it is aborted',
      () =>
        Object.defineProperty({ addEventListener() {}, removeEventListener() {} }, 'aborted', {
          get: fail,
        }) as never,
    ],
    [
      'does not say why it is aborted',
      () =>
        Object.defineProperty({ aborted: true, addEventListener() {}, removeEventListener() {} }, 'reason', {
          get: fail,
        }) as never,
    ],
    [
      'everything of it throws',
      () =>
        new Proxy(new AbortController().signal, {
          get: (_target, key) => (key === 'addEventListener' ? () => fail() : fail()),
        }),
    ],
  ];

  test.each(signals)('ends with errors of its own when its signal %s', async (_what, signal) => {
    const ended = await runAll(way, [task('a'), task('b')], { signal: signal() });
    if ('error' in ended) expect(TuttiError.isInstance(ended.error)).toBe(true);
    else {
      expect(ended.results).toHaveLength(2);
      for (const result of ended.results)
        expect(result.success || TuttiError.isInstance(result.error)).toBe(true);
      expect(ended.results.some(({ success }) => success)).toBe(false);
    }
  });

  test.each(signals)('gives a failure in its place to a task whose signal %s', async (_what, signal) => {
    const tasks = [task('a'), { agent: 'echo', task: 'b', signal: signal() }, task('c')];
    const { results } = (await runAll(way, tasks)) as { results: CallOutcome[] };
    expect(results.map(({ success }) => success)).toEqual([true, false, true]);
    const { error } = results[1] as unknown as { error: unknown };
    expect(TuttiError.isInstance(error)).toBe(true);
  });

  test('ends when its signal cannot be left', async () => {
    const { signal } = new AbortController();
    Object.defineProperty(signal, 'removeEventListener', { value: fail });
    const tasks = [task('a'), { agent: 'echo', task: 'b', signal }];
    const { results } = (await runAll(way, tasks, { signal })) as { results: CallOutcome[] };
    expect(results.map(({ success }) => success)).toEqual([true, true]);
  });

  test.each<[string, () => object]>([
    [
      'never says what comes next',
      () => ({ next: () => new Promise(() => {}), return: () => new Promise(() => {}) }),
    ],
    ['throws when it is stopped', () => ({ next: () => new Promise(() => {}), return: fail })],
    [
      'cannot be asked to stop',
      () => Object.defineProperty({ next: () => new Promise(() => {}) }, 'return', { get: fail }),
    ],
  ])('is closed in time when its source %s', async (_what, iterator) => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo: (text: string) => text } });
    const ended = way(orchestrator, asyncIterable(iterator()), {}).then(
      (results) => results,
      (error: unknown) => error,
    );
    await new Promise((wake) => setTimeout(wake, 50));
    await orchestrator.close({ drainMs: 0 });
    const end = await ended;
    expect(Array.isArray(end) || TuttiError.isInstance(end)).toBe(true);
  });
});
