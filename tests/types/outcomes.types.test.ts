import { expect, test } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import { z } from 'zod';
import {
  type AgentFailure,
  type AgentFunction,
  type AgentResult,
  AsyncOrchestrator,
  type CallOptions,
  type CallOutcome,
  type DataResult,
  defineAgent,
  type ProviderNetworkError,
  type RetriesExhaustedError,
  type TaskOf,
  type TaskSource,
  type TextResult,
  type TimeoutError,
  TuttiError,
} from '../../src/index.js';

// What is written here is checked by the compiler (`npm run lint:types`), not by running it.

const priced = defineAgent({ name: 'priced', output: z.object({ price: z.number() }), run: () => '' });
const orchestrator = new AsyncOrchestrator({
  agents: {
    priced,
    shout: (task) => task.toUpperCase(),
    count: async (task) => ({ output: task, data: { words: task.length } }),
    maybe: (task) => (task === '' ? 'nothing' : { output: task, data: 3 }),
    spell: async function* (task) {
      yield* task;
    },
    unknown: ((task) => task) satisfies AgentFunction as AgentFunction,
    covered: defineAgent({ name: 'covered', run: () => ({ output: '', data: 1 }), fallbacks: ['shout'] }),
  },
});

test('data is the type of what a function returns as data, absent where it answers with text', () => {
  const check = async (): Promise<void> => {
    expectTypeOf(await orchestrator.execute('count', 't')).toEqualTypeOf<
      DataResult<{ words: number }, 'count'>
    >();
    expectTypeOf(await orchestrator.execute('maybe', 't')).toEqualTypeOf<AgentResult<number, 'maybe'>>();
    expectTypeOf(await orchestrator.execute('shout', 't')).toEqualTypeOf<TextResult<'shout'>>();
    expectTypeOf(await orchestrator.execute('spell', 't')).toEqualTypeOf<TextResult<'spell'>>();
    expectTypeOf(await orchestrator.execute('unknown', 't')).toEqualTypeOf<AgentResult<unknown, 'unknown'>>();
    // Its fallback may have answered.
    expectTypeOf(await orchestrator.execute('covered', 't')).toEqualTypeOf<AgentResult<unknown, 'covered'>>();
    // @ts-expect-error absent from the type
    void (await orchestrator.execute('shout', 't')).data;
  };
  expect(check).toBeInstanceOf(Function);
});

test('data is kept through lists, generators and async iterables', () => {
  type Priced = DataResult<{ price: number }, 'priced'> | AgentFailure<'priced'>;
  type Shouted = TextResult<'shout'> | AgentFailure<'shout'>;
  const check = async (): Promise<void> => {
    function* pairs() {
      yield ['priced', 'a'] as const;
      yield ['shout', 'b'] as const;
    }
    async function* objects() {
      yield { agent: 'priced' as const, task: 'a', priority: 1 };
    }
    expectTypeOf(await orchestrator.executeMultiple(pairs())).toEqualTypeOf<(Priced | Shouted)[]>();
    expectTypeOf(await orchestrator.executeMultiple(objects())).toEqualTypeOf<Priced[]>();
    expectTypeOf(
      await orchestrator.executeMultiple(['a'].map((task) => ({ agent: 'priced', task }))),
    ).toEqualTypeOf<Priced[]>();
    for await (const outcome of orchestrator.executeEach(pairs())) {
      expectTypeOf(outcome.index).toEqualTypeOf<number>();
      if (outcome.success && outcome.agent === 'priced') {
        expectTypeOf(outcome.data).toEqualTypeOf<{ price: number }>();
      }
    }
    for await (const outcome of orchestrator.executeEach(objects())) {
      if (outcome.success) expectTypeOf(outcome.data).toEqualTypeOf<{ price: number }>();
    }
  };
  expect(check).toBeInstanceOf(Function);
});

test('a generator annotated with TaskOf knows the names', () => {
  const check = (): void => {
    function* tasks(): Generator<TaskOf<typeof orchestrator>> {
      yield ['shout', 'a'];
      yield { agent: 'priced', task: 'b' };
      // @ts-expect-error a misspelt name
      yield ['shuot', 'a'];
      // @ts-expect-error a misspelt option
      yield { agent: 'priced', task: 'b', prioirty: 3 };
    }
    orchestrator.executeEach(tasks());
  };
  expect(check).toBeInstanceOf(Function);
});

test('agents are literal names in results and failures', () => {
  const check = async (): Promise<void> => {
    expectTypeOf((await orchestrator.execute('shout', 't')).agent).toEqualTypeOf<'shout'>();
    const [outcome] = await orchestrator.executeMultiple([['priced', 't']]);
    expectTypeOf(outcome.agent).toEqualTypeOf<'priced'>();
    if (!outcome.success) expectTypeOf(outcome.agent).toEqualTypeOf<'priced'>();
  };
  expect(check).toBeInstanceOf(Function);
});

test('metadata has the type it was given with', () => {
  const check = async (some: { metadata?: { id: number } }, any: CallOptions): Promise<void> => {
    const { metadata } = await orchestrator.execute('shout', 't', { metadata: { id: 3 }, timeoutMs: 9 });
    expectTypeOf(metadata).toEqualTypeOf<{ id: number }>();
    for await (const outcome of orchestrator.executeEach(
      ['a'].map((task, row) => ({ agent: 'shout', task, metadata: { row } })),
    )) {
      expectTypeOf(outcome.metadata.row).toEqualTypeOf<number>();
    }
    const [own, shared] = await orchestrator.executeMultiple(
      [{ agent: 'shout', task: 'a', metadata: { row: 1 } }, ['shout', 'b']],
      { metadata: { file: 'f' }, onProgress: ({ done }) => expectTypeOf(done).toEqualTypeOf<number>() },
    );
    expectTypeOf(own.metadata.row).toExtend<number>();
    expectTypeOf(shared.metadata.file).toEqualTypeOf<string>();
    // Not known to be there.
    type Loose = Record<string, unknown> | undefined;
    expectTypeOf((await orchestrator.execute('shout', 't', some)).metadata).toEqualTypeOf<Loose>();
    expectTypeOf((await orchestrator.execute('shout', 't', any)).metadata).toEqualTypeOf<Loose>();
    expectTypeOf((await orchestrator.execute('shout', 't')).metadata).toEqualTypeOf<Loose>();
  };
  expect(check).toBeInstanceOf(Function);
});

test('the code of an error narrows it to its class', () => {
  const check = (failure: AgentFailure, thrown: unknown): void => {
    const { error } = failure;
    if (error.code === 'TUTTI_TIMEOUT') expectTypeOf(error).toEqualTypeOf<TimeoutError>();
    // @ts-expect-error only a TimeoutError has a scope
    void error.scope;
    if (!TuttiError.isInstance(thrown)) return;
    switch (thrown.code) {
      case 'TUTTI_RETRIES_EXHAUSTED':
        expectTypeOf(thrown).toEqualTypeOf<RetriesExhaustedError>();
        break;
      case 'TUTTI_PROVIDER_NETWORK':
        expectTypeOf(thrown.provider).toEqualTypeOf<string>();
        expectTypeOf(thrown).toEqualTypeOf<ProviderNetworkError>();
        break;
      // @ts-expect-error no such code
      case 'TUTTI_TIMEDOUT':
        break;
      default:
        expectTypeOf(thrown).toExtend<TuttiError>();
    }
  };
  expect(check).toBeInstanceOf(Function);
});

test('an orchestrator of known agents is an orchestrator, and a source of any tasks is taken', () => {
  const check = (any: AsyncOrchestrator, tasks: TaskSource): void => {
    check(orchestrator, tasks);
    expectTypeOf(orchestrator.executeMultiple(tasks)).resolves.toExtend<CallOutcome[]>();
    expectTypeOf(any.executeMultiple(JSON.parse('[]'))).resolves.toEqualTypeOf<CallOutcome[]>();
    expectTypeOf(orchestrator.execute('shout', 't')).resolves.toExtend<AgentResult>();
  };
  expect(check).toBeInstanceOf(Function);
});
