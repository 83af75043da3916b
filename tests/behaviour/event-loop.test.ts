import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { type AgentFunction, AsyncOrchestrator, type TaskInput } from '../../src/index.js';
import { burnTurn, rejection, turn } from './scripted-agents.js';

/** So many tasks that they take seconds: a test that has to wait for their end has failed. */
const ENDLESS = 1_000_000;

/** Tasks without end, and how many of them were read. */
class Source {
  read = 0;
  readonly #task: string;

  constructor(task: string) {
    this.#task = task;
  }

  *tasks(): Generator<TaskInput> {
    for (; this.read < ENDLESS; this.read += 1) yield ['agent', this.#task];
  }

  async *tasksLater(): AsyncGenerator<TaskInput> {
    yield* this.tasks();
  }
}

const synchronous: AgentFunction = (task) => task;
const resolved: AgentFunction = async (task) => task;
const streaming: AgentFunction = async function* (task) {
  yield task;
};

interface Load {
  readonly agent: AgentFunction;
  readonly task: string;
  readonly cache: boolean;
}

/** What can go on without a timer, a socket or a file. */
const LOADS: ReadonlyArray<readonly [string, Load]> = [
  ['a synchronous agent', { agent: synchronous, task: 'say', cache: false }],
  ['an agent that resolves immediately', { agent: resolved, task: 'say', cache: false }],
  ['an agent that streams without waiting', { agent: streaming, task: 'say', cache: false }],
  ['hits in memory', { agent: resolved, task: 'say', cache: true }],
  ['refused tasks', { agent: resolved, task: '', cache: false }],
];
const SOURCES = [
  ['a generator', (source: Source) => source.tasks()],
  ['an async generator', (source: Source) => source.tasksLater()],
] as const;
const CASES = LOADS.flatMap(([what, load]) => SOURCES.map(([from, open]) => ({ what, from, load, open })));

const opened: AsyncOrchestrator[] = [];

async function open({ agent, task, cache }: Load): Promise<AsyncOrchestrator> {
  const orchestrator = new AsyncOrchestrator({ agents: { agent }, maxConcurrent: 4, cache });
  opened.push(orchestrator);
  if (cache) await orchestrator.execute('agent', task);
  return orchestrator;
}

afterEach(async () => {
  jest.useRealTimers();
  for (const orchestrator of opened.splice(0)) await orchestrator.close();
});

describe.each(CASES)('an endless run of $what from $from', ({ load, open: openSource }) => {
  test('is ended by its signal', async () => {
    const orchestrator = await open(load);
    const source = new Source(load.task);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    await orchestrator.executeMultiple(openSource(source), { signal: controller.signal });
    expect(source.read).toBeLessThan(ENDLESS);
  });

  test('is ended by its deadline', async () => {
    const orchestrator = await open(load);
    const source = new Source(load.task);
    await orchestrator.executeMultiple(openSource(source), { deadlineMs: 20 });
    expect(source.read).toBeLessThan(ENDLESS);
  });

  test('is ended by close()', async () => {
    const orchestrator = await open(load);
    const source = new Source(load.task);
    const run = orchestrator.executeMultiple(openSource(source));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await orchestrator.close({ drainMs: 20 });
    await run;
    expect(source.read).toBeLessThan(ENDLESS);
  });

  test('lets its reader leave when a timer says so', async () => {
    const orchestrator = await open(load);
    const source = new Source(load.task);
    let isEnough = false;
    setTimeout(() => {
      isEnough = true;
    }, 20);
    for await (const { index } of orchestrator.executeEach(openSource(source)))
      if (isEnough && index > 0) break;
    expect(source.read).toBeLessThan(ENDLESS);
    expect(orchestrator.stats().inFlight).toBe(0);
  });
});

describe('20,000 calls submitted at once', () => {
  test('let a timer fire between them', async () => {
    const orchestrator = await open({ agent: synchronous, task: '', cache: false });
    const calls = Array.from({ length: 20_000 }, (_, index) =>
      orchestrator.execute('agent', `task ${index}`),
    );
    let left = 0;
    setTimeout(() => {
      left = orchestrator.stats().inFlight;
    }, 1);
    expect(await Promise.all(calls)).toHaveLength(20_000);
    expect(left).toBeGreaterThan(0);
  });
});

describe('a resumed run of which everything is on record', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-event-loop-'));

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test.each([
    ['array', (tasks: TaskInput[]): Iterable<TaskInput> => tasks],
    ['iterator', (tasks: TaskInput[]): Iterable<TaskInput> => tasks.values()],
  ])('lets the event loop turn often while it reads an %s', async (what, from) => {
    const orchestrator = await open({ agent: resolved, task: '', cache: false });
    const tasks: TaskInput[] = Array.from({ length: 1_000 }, (_, index) => ['agent', `task ${index}`]);
    const options = { runId: what, directory };
    await orchestrator.executeMultiple(from(tasks), options);
    const { attempts } = orchestrator.stats();
    let turns = 0;
    let isRunning = true;
    const beat = (): void => {
      turns += 1;
      if (isRunning) setImmediate(beat);
    };
    beat();
    await orchestrator.executeMultiple(from(tasks), options);
    isRunning = false;
    expect(orchestrator.stats().attempts).toBe(attempts);
    expect(turns).toBeGreaterThan(5);
  });
});

describe('a stream that never waits', () => {
  test('is ended by its timeout', async () => {
    let isClosed = false;
    const endless: AgentFunction = async function* () {
      try {
        for (let piece = 0; piece < 10 * ENDLESS; piece += 1) yield 'x';
      } finally {
        isClosed = true;
      }
    };
    const orchestrator = new AsyncOrchestrator({ agents: { endless }, timeoutMs: 20, maxRetries: 0 });
    opened.push(orchestrator);
    expect(await rejection(orchestrator.execute('endless', 'go on'))).toMatchObject({
      code: 'TUTTI_TIMEOUT',
      scope: 'attempt',
    });
    await turn();
    expect(isClosed).toBe(true);
  });
});

describe('calls whose start was left to a later turn of the event loop', () => {
  test('run in the context of their own callers', async () => {
    const storage = new AsyncLocalStorage<string>();
    const agent: AgentFunction = () => {
      burnTurn();
      return storage.getStore() ?? 'none';
    };
    const orchestrator = await open({ agent, task: '', cache: false });
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const results = await Promise.all(
      names.map((name) => storage.run(name, () => orchestrator.execute('agent', 'who calls?'))),
    );
    expect(results.map(({ output }) => output)).toEqual(names);
  });

  test('never run once they are cancelled, and hold no permit then', async () => {
    const ran: string[] = [];
    const agent: AgentFunction = (task) => {
      ran.push(task);
      burnTurn();
      return task;
    };
    const orchestrator = await open({ agent, task: '', cache: false });
    const controller = new AbortController();
    const { signal } = controller;
    const first = orchestrator.execute('agent', 'first');
    const cancelled = rejection(orchestrator.execute('agent', 'cancelled', { signal }));
    await first;
    expect(ran).toEqual(['first']);
    controller.abort();
    expect(await cancelled).toMatchObject({ code: 'TUTTI_CANCELLED', attempt: 0 });
    await turn();
    expect(ran).toEqual(['first']);
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0 });
  });

  test('start under fake timers', async () => {
    const agent: AgentFunction = (task) => {
      burnTurn();
      return task;
    };
    const orchestrator = await open({ agent, task: '', cache: false });
    jest.useFakeTimers();
    const results = await orchestrator.executeMultiple(
      ['a', 'b', 'c'].map((task) => ['agent', task] as const),
    );
    expect(results.map((result) => result.success && result.output)).toEqual(['a', 'b', 'c']);
  });
});
