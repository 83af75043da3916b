import { expect, test } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import { z } from 'zod';
import {
  type AgentContext,
  type AgentDefinition,
  type AgentFailure,
  type AgentInput,
  type AgentResult,
  type AgentStream,
  AsyncOrchestrator,
  type CallOptions,
  type CallOutcome,
  type DataResult,
  defineAgent,
  type Message,
  type StreamEvent,
  type TaskContent,
  type TextResult,
  type TuttiEvents,
} from '../../src/index.js';

// What is written here is checked by the compiler (`npm run lint:types`), not by running it.

const priced = defineAgent({
  name: 'priced',
  output: z.object({ price: z.number() }),
  run: () => '{"price": 3}',
});
const listed = defineAgent({ name: 'listed', output: z.array(z.string()), run: () => '[]' });
const plain = defineAgent({ name: 'plain', run: (task) => task });

const record = new AsyncOrchestrator({
  agents: { priced, listed, plain, 'word-count': (task) => String(task.length) },
});
const array = new AsyncOrchestrator({ agents: [priced, listed, plain] });
const empty = new AsyncOrchestrator();

test('agents written in place get the types of their parameters', () => {
  new AsyncOrchestrator({
    agents: {
      spy: (task, context) => {
        expectTypeOf(task).toEqualTypeOf<string>();
        expectTypeOf(context).toEqualTypeOf<AgentContext>();
        return task;
      },
      other: async (task, { signal }) => {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        return { output: task, usage: { inputTokens: 1 } };
      },
      streaming: async function* (task, { attempt }) {
        expectTypeOf(attempt).toEqualTypeOf<number>();
        yield task;
        yield { type: 'finish', finishReason: 'stop' } as const;
      },
    },
  });
  // @ts-expect-error an agent has to answer with text or a reply
  new AsyncOrchestrator({ agents: { wrong: () => 42 } });
  // @ts-expect-error an option that does not exist
  expect(() => new AsyncOrchestrator({ maxConcurent: 3 })).toThrow('Did you mean "maxConcurrent"?');
});

test('a misspelt literal name is an error, of a record and of an array', () => {
  const check = (): void => {
    void record.execute('priced', 't');
    void record.execute('word-count', 't');
    void array.execute('listed', 't');
    void record.stream('plain', 't');
    // @ts-expect-error no such agent
    void record.execute('pricd', 't');
    // @ts-expect-error no such agent
    void array.execute('pricd', 't');
    // @ts-expect-error no such agent
    void record.stream('plane', 't');
  };
  expect(check).toBeInstanceOf(Function);
});

test('plain strings are taken, for agents added later', () => {
  const check = (name: string): void => {
    void record.execute(name, 't');
    void array.execute(name, 't');
    void record.stream(name, 't');
    void record.executeMultiple([[name, 't']]);
    void record.executeMultiple([name].map((each) => [each, 't'] as const));
    void record.executeMultiple([name].map((each) => ({ agent: each, task: 't' })));
    void record.execute('added-later' as string, 't');
  };
  expect(check).toBeInstanceOf(Function);
});

test('an orchestrator without agents takes any name', () => {
  const check = (): void => {
    expectTypeOf(empty.execute('whoever', 't')).resolves.toEqualTypeOf<AgentResult<unknown, 'whoever'>>();
    void empty.executeMultiple([['whoever', 't']]);
    void empty.executeMultiple([{ agent: 'whoever', task: 't' }]);
    void empty.stream('whoever', 't');
  };
  expect(check).toBeInstanceOf(Function);
});

test('agents of which only the type is known take any name', () => {
  const check = (agents: Record<string, AgentInput>, definitions: AgentDefinition[]): void => {
    void new AsyncOrchestrator({ agents }).execute('whoever', 't');
    void new AsyncOrchestrator({ agents: definitions }).execute('whoever', 't');
    expectTypeOf(new AsyncOrchestrator({ agents }).execute('x', 't')).resolves.toEqualTypeOf<
      AgentResult<unknown, 'x'>
    >();
  };
  expect(check).toBeInstanceOf(Function);
});

test('result.data has the type of the agent’s output schema', () => {
  const check = async (name: string): Promise<void> => {
    expectTypeOf((await record.execute('priced', 't')).data).toEqualTypeOf<{ price: number }>();
    expectTypeOf((await array.execute('listed', 't')).data).toEqualTypeOf<string[]>();
    expectTypeOf(await record.execute('plain', 't')).toEqualTypeOf<TextResult<'plain'>>();
    expectTypeOf(await record.execute('word-count', 't')).not.toHaveProperty('data');
    expectTypeOf((await record.execute(name, 't')).data).toEqualTypeOf<unknown>();
    expectTypeOf(record.stream('priced', 't')).toEqualTypeOf<
      AgentStream<DataResult<{ price: number }, 'priced'>>
    >();
    expectTypeOf((await array.stream('listed', 't').result).data).toEqualTypeOf<string[]>();
  };
  expect(check).toBeInstanceOf(Function);
});

test('executeMultiple types each position of a literal list', () => {
  const check = async (): Promise<void> => {
    const results = await record.executeMultiple([
      ['priced', 'a'],
      { agent: 'listed', task: 'b', priority: 5 },
      ['word-count', 'c'],
    ]);
    expectTypeOf(results).toEqualTypeOf<
      [
        DataResult<{ price: number }, 'priced'> | AgentFailure<'priced'>,
        DataResult<string[], 'listed'> | AgentFailure<'listed'>,
        TextResult<'word-count'> | AgentFailure<'word-count'>,
      ]
    >();
    const [first] = results;
    if (first.success) expectTypeOf(first.data).toEqualTypeOf<{ price: number }>();
    else expectTypeOf(first).toEqualTypeOf<AgentFailure<'priced'>>();
    expectTypeOf(
      await array.executeMultiple([
        ['listed', 'a'],
        ['plain', 'b'],
      ]),
    ).toEqualTypeOf<
      [DataResult<string[], 'listed'> | AgentFailure<'listed'>, TextResult<'plain'> | AgentFailure<'plain'>]
    >();
  };
  expect(check).toBeInstanceOf(Function);
});

test('executeMultiple rejects a misspelt name in a literal list, wherever it stands', () => {
  const check = (): void => {
    void record.executeMultiple([
      ['priced', 'a'],
      // @ts-expect-error no such agent
      ['lsted', 'b'],
    ]);
    // @ts-expect-error no such agent
    void record.executeMultiple([{ agent: 'lsted', task: 'b' }]);
    // @ts-expect-error no such agent
    void array.executeMultiple([['lsted', 'b']]);
    // @ts-expect-error a task has to be text
    void record.executeMultiple([['listed', 7]]);
  };
  expect(check).toBeInstanceOf(Function);
});

test('executeMultiple and executeEach take every kind of source', () => {
  const check = async (
    set: Set<readonly [string, string]>,
    generator: Generator<[string, string]>,
    later: AsyncGenerator<{ agent: string; task: string }>,
  ): Promise<void> => {
    expectTypeOf(await record.executeMultiple(set)).toEqualTypeOf<CallOutcome[]>();
    expectTypeOf(await record.executeMultiple(generator)).toEqualTypeOf<CallOutcome[]>();
    expectTypeOf(await record.executeMultiple(later)).toEqualTypeOf<CallOutcome[]>();
    for await (const outcome of record.executeEach(later)) {
      expectTypeOf(outcome.index).toEqualTypeOf<number>();
      if (outcome.success) expectTypeOf(outcome.output).toEqualTypeOf<string>();
    }
    const many = await record.executeMultiple(['a', 'b'].map((task) => ['priced', task] as const));
    expectTypeOf(many[0]).toEqualTypeOf<
      DataResult<{ price: number }, 'priced'> | AgentFailure<'priced'> | undefined
    >();
  };
  expect(check).toBeInstanceOf(Function);
});

test('streams give events and text, events give their payloads', () => {
  const check = async (): Promise<void> => {
    for await (const event of record.stream('plain', 't')) expectTypeOf(event).toEqualTypeOf<StreamEvent>();
    for await (const text of record.stream('plain', 't').text) expectTypeOf(text).toEqualTypeOf<string>();
    record.on('call:end', (end) => expectTypeOf(end).toEqualTypeOf<TuttiEvents['call:end']>());
    // @ts-expect-error no such event
    record.on('call:ended', () => {});
    using subscription = record.on('call:retry', () => {});
    expectTypeOf(subscription).toBeFunction();
  };
  expect(check).toBeInstanceOf(Function);
});

test('options may be passed on as undefined', () => {
  const check = (signal: AbortSignal | undefined, timeoutMs: number | undefined): void => {
    const options: CallOptions = { signal, timeoutMs };
    void record.execute('plain', 't', options);
    void new AsyncOrchestrator({ signal, timeoutMs });
    defineAgent({ name: 'x', run: () => '', timeoutMs });
  };
  expect(check).toBeInstanceOf(Function);
});

test('defineAgent keeps the literal name and the type of the answer', () => {
  expectTypeOf(priced).toEqualTypeOf<AgentDefinition<'priced', { price: number }>>();
  expectTypeOf(plain).toEqualTypeOf<AgentDefinition<'plain', undefined>>();
  // @ts-expect-error a setting that does not exist
  expect(() => defineAgent({ name: 'x', run: () => '', timeoutMS: 3 })).toThrow('Did you mean "timeoutMs"?');
});

test('a task may be text, or a conversation, files and text, wherever a task stands', () => {
  const history: readonly Message[] = [{ role: 'assistant', content: 'hi' }];
  const task = {
    text: 'what?',
    messages: history,
    files: [{ path: 'a.png' }],
  } as const satisfies TaskContent;
  const use = () => [
    record.execute('plain', task),
    record.execute('plain', { files: [{ data: new Uint8Array(1), mediaType: 'image/png' }] }),
    record.stream('priced', { text: 'a', files: [{ url: 'https://example.com/a.pdf' }] }),
    record.cacheRequest('plain', task),
    record.executeMultiple([
      ['plain', 'text'],
      ['priced', { text: 'a', messages: history }],
      { agent: 'plain', task, priority: 1 },
    ]),
    record.executeEach([
      { agent: 'plain', task: { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }] } },
    ]),
  ];
  expectTypeOf(use).returns.toBeArray();
  expectTypeOf<AgentResult['messages']>().toEqualTypeOf<Message[] | undefined>();
  // @ts-expect-error a number is no task
  const wrongTask = () => record.execute('plain', 42);
  // @ts-expect-error a misspelt field
  const wrongField = () => record.execute('plain', { txt: 'a' });
  // @ts-expect-error bytes have a media type
  const wrongFile = () => record.execute('plain', { files: [{ data: new Uint8Array(1) }] });
  // @ts-expect-error the system prompt is no turn
  const wrongRole = () => record.execute('plain', { messages: [{ role: 'system', content: 'a' }] });
  // @ts-expect-error in a list too
  const wrongInList = () => record.executeMultiple([['plain', { text: 1 }]]);
  // @ts-expect-error and in an object of a list
  const wrongInObject = () => record.executeMultiple([{ agent: 'plain', task: { files: 'a.png' } }]);
  expect([wrongTask, wrongField, wrongFile, wrongRole, wrongInList, wrongInObject]).toHaveLength(6);
});
