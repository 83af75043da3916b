// Covers: src/calls/settle-call.ts, src/resilience/retry/classify-failure.ts
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator, TuttiError } from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { rejection, turn } from './scripted-agents.js';

const hostile = (what: string): never => {
  throw new Error(`the ${what} trap of a thrown thing`);
};

const everyTrap: ProxyHandler<object> = {
  get: () => hostile('get'),
  has: () => hostile('has'),
  ownKeys: () => hostile('ownKeys'),
  getPrototypeOf: () => hostile('getPrototypeOf'),
  getOwnPropertyDescriptor: () => hostile('getOwnPropertyDescriptor'),
};

const revoked = (() => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
})();

const throwingGetters = (...fields: string[]): object => {
  const thing = {};
  for (const field of fields)
    Object.defineProperty(thing, field, { get: () => hostile(field), enumerable: true });
  return thing;
};

const thrownThings: Array<[string, unknown]> = [
  ['a string', 'just text'],
  ['an empty string', ''],
  ['undefined', undefined],
  ['null', null],
  ['a number', 0],
  ['NaN', Number.NaN],
  ['a bigint', 3n],
  ['a symbol', Symbol('thrown')],
  ['a function', () => 'x'],
  ['an array', [1, 2]],
  ['a plain object', { any: 'thing' }],
  ['a frozen object', Object.freeze({ message: 'frozen', status: 400 })],
  ['a frozen error', Object.freeze(new Error('frozen error'))],
  ['an object without a prototype', Object.create(null)],
  ['an error with an empty message', new Error('')],
  [
    'an error that is its own cause',
    (() => {
      const error = new Error('loop');
      error.cause = error;
      return error;
    })(),
  ],
  ['an error of another realm', runInNewContext('new RangeError("elsewhere")')],
  ['a Proxy whose getters throw', new Proxy({}, { get: () => hostile('get') })],
  ['a Proxy of which everything throws', new Proxy({}, everyTrap)],
  ['a Proxy around an error of which everything throws', new Proxy(new Error('x'), everyTrap)],
  ['a revoked Proxy', revoked],
  ['an object with a throwing message', throwingGetters('message')],
  [
    'an object all of whose getters throw',
    throwingGetters(
      'message',
      'name',
      'code',
      'status',
      'statusCode',
      'cause',
      'headers',
      'retryable',
      'response',
    ),
  ],
  [
    'an error whose headers throw',
    Object.assign(new Error('headers'), {
      status: 400,
      headers: {
        get: () => hostile('headers.get'),
      },
    }),
  ],
  [
    'an error whose headers are hostile',
    Object.assign(new Error('h'), { status: 400, headers: new Proxy({}, everyTrap) }),
  ],
  ['a promise', Promise.resolve('not an error')],
];

describe('something strange that an agent throws', () => {
  test.each(thrownThings)('arrives as a TuttiError with it as its cause: %s', async (_what, thrown) => {
    const orchestrator = new AsyncOrchestrator({
      maxRetries: 0,
      agents: {
        atOnce: () => {
          throw thrown;
        },
        later: async () => {
          await turn();
          throw thrown;
        },
      },
    });
    for (const agent of ['atOnce', 'later'] as const) {
      const error = (await rejection(orchestrator.execute(agent, 't'))) as TuttiError;
      expect(error instanceof TuttiError).toBe(true);
      expect(error.code).toBe('TUTTI_AGENT_FAILED');
      expect(Object.is(error.cause, thrown)).toBe(true);
      expect('cause' in error).toBe(true);
      expect(typeof error.message).toBe('string');
      expect(error.message).not.toBe('');
      // What goes into logs and over wires may not fail either.
      expect(typeof JSON.stringify(error)).toBe('string');
    }
    const [outcome] = await orchestrator.executeMultiple([['later', 't']]);
    expect(Object.is((outcome as { error: TuttiError }).error.cause, thrown)).toBe(true);
    await turn();
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0, failed: 3 });
  });

  test.each([
    ['a Proxy of which everything throws', new Proxy({}, everyTrap)],
    ['an object with a throwing `then`', throwingGetters('then')],
    ['an object with a throwing `output`', throwingGetters('output')],
    ['a revoked Proxy', revoked],
    ['a stream that cannot be opened', { [Symbol.asyncIterator]: () => hostile('asyncIterator') }],
    ['a stream without an iterator', { [Symbol.asyncIterator]: () => 7 }],
    ['a stream whose next is missing', { [Symbol.asyncIterator]: () => ({}) }],
  ])('may also be its answer: %s', async (_what, answer) => {
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 1,
      maxRetries: 0,
      agents: { atOnce: () => answer as string, later: async () => answer as string, good: () => 'ok' },
    });
    for (const agent of ['atOnce', 'later'] as const) {
      const error = await rejection(orchestrator.execute(agent, 't'));
      expect(error instanceof TuttiError).toBe(true);
      expect((await orchestrator.execute('good', 't')).success).toBe(true);
    }
    await turn();
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0 });
  });

  test.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a number', 42, '42'],
    ['an array', ['x'], 'an array of 1'],
    ['an object without output', { text: 'x' }, 'an object'],
    ['an output that is not text', { output: 7 }, 'an object'],
    ['a function', () => 'x', 'a function'],
  ])('is an OutputError that says what came when the answer is %s', async (_what, answer, text) => {
    const orchestrator = new AsyncOrchestrator({ agents: { odd: () => answer as unknown as string } });
    const error = await rejection(orchestrator.execute('odd', 't'));
    expect(error).toMatchObject({ code: 'TUTTI_OUTPUT_INVALID', agent: 'odd', path: '' });
    expect((error as Error).message).toContain(text);
  });
});

describe('100,000 tasks of which 1 % fail', () => {
  test('lose nothing: order kept, every other one worked, each failure with its own error', async () => {
    const things: unknown[] = [
      'a string',
      undefined,
      null,
      Object.freeze({ code: 'X' }),
      new Proxy({}, { get: () => hostile('get') }),
      throwingGetters('message'),
    ];
    const thrownBy = new Map<number, unknown>();
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 50,
      agents: {
        work: async (task) => {
          const index = Number(task);
          if (index % 100 !== 37) return `done ${task}`;
          const which = Math.floor(index / 100) % (things.length + 1);
          const thrown = which === things.length ? new Error(`failure ${task}`) : things[which];
          thrownBy.set(index, thrown);
          throw thrown;
        },
      },
    });
    function* tasks(): Generator<[string, string]> {
      for (let index = 0; index < 100_000; index += 1) yield ['work', String(index)];
    }
    const outcomes = await orchestrator.executeMultiple(tasks());
    expect(outcomes).toHaveLength(100_000);
    const errors = new Set<unknown>();
    let wrong = 0;
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.success) {
        if (outcome.output !== `done ${index}` || index % 100 === 37) wrong += 1;
      } else {
        errors.add(outcome.error);
        const isOwn = Object.is(outcome.error.cause, thrownBy.get(index));
        if (index % 100 !== 37 || !isOwn || !(outcome.error instanceof TuttiError)) wrong += 1;
      }
    }
    expect(wrong).toBe(0);
    expect(errors.size).toBe(1_000);
    expect(orchestrator.stats()).toMatchObject({
      submitted: 100_000,
      succeeded: 99_000,
      failed: 1_000,
      attempts: 100_000,
      inFlight: 0,
    });
  });
});

describe('errors of Node itself', () => {
  test('are retried by what they say, whatever realm they come from', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        refused: async () => {
          attempts += 1;
          const response = await fetch('http://127.0.0.1:1/');
          return response.text();
        },
      },
    });
    const failing = rejection(orchestrator.execute('refused', 't'));
    let isOver = false;
    void failing.then(() => {
      isOver = true;
    });
    // A refused connection takes real time, the backoff does not.
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await clock.advance(29_000);
    }
    expect(await failing).toMatchObject({ code: 'TUTTI_RETRIES_EXHAUSTED', attempts: 3 });
    expect(attempts).toBe(3);
  });
});
