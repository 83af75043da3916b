import { beforeAll, describe, expect, test } from '@jest/globals';
import { typeErrorsOf } from './type-errors.js';

const HEAD = `import { z } from 'zod';
import { AsyncOrchestrator, defineAgent, type TaskOf } from '../../src/index.js';
export type Task = TaskOf<typeof orchestrator>;
export const orchestrator = new AsyncOrchestrator({
  agents: {
    priced: defineAgent({ name: 'priced', output: z.object({ price: z.number() }), run: () => '' }),
    shout: (task: string) => task.toUpperCase(),
  },
});
`;

const MISSPELT_NAME = {
  execute: "void orchestrator.execute('pricd', 't');",
  stream: "orchestrator.stream('pricd', 't');",
  'literal list of pairs': "void orchestrator.executeMultiple([['shout', 't'], ['pricd', 't']]);",
  'literal list of objects': "void orchestrator.executeMultiple([{ agent: 'pricd', task: 't' }]);",
  'executeEach of a list': "orchestrator.executeEach([['pricd', 't']]);",
  'executeEach of a mapped list':
    "orchestrator.executeEach(['t'].map((task) => ({ agent: 'pricd', task })));",
  generator: "function* tasks() { yield ['pricd', 't'] as const; } orchestrator.executeEach(tasks());",
  'async generator':
    "async function* tasks() { yield { agent: 'pricd' as const, task: 't' }; } void orchestrator.executeMultiple(tasks());",
  'annotated generator':
    "export function* tasks(): Generator<TaskOf<typeof orchestrator>> { yield ['pricd', 't']; }",
} as const;

const MISSPELT_OPTION = {
  'option of execute': "void orchestrator.execute('priced', 't', { timeoutMS: 3 });",
  'option of a run': "void orchestrator.executeMultiple([['priced', 't']], { timeoutMS: 3 });",
  'option in a list': "void orchestrator.executeMultiple([{ agent: 'priced', task: 't', timeoutMS: 3 }]);",
  'option in a list of executeEach':
    "orchestrator.executeEach([['shout', 't'], { agent: 'priced', task: 't', timeoutMS: 3 }]);",
} as const;

const MISSPELT_YIELD = {
  'option in a generator':
    "function* tasks() { yield { agent: 'priced', task: 't', timeoutMS: 3 }; } orchestrator.executeEach(tasks());",
  'option in an async generator':
    "async function* tasks() { yield { agent: 'priced', task: 't', timeoutMS: 3 }; } orchestrator.executeEach(tasks());",
  'option in a mapped list':
    "orchestrator.executeEach(['t'].map((task) => ({ agent: 'priced', task, timeoutMS: 3 })));",
} as const;

const OTHER = {
  'data of text': "void orchestrator.execute('shout', 't').then((result) => result.data);",
} as const;

let errors: Map<string, string>;

beforeAll(() => {
  const pieces = { ...MISSPELT_NAME, ...MISSPELT_OPTION, ...MISSPELT_YIELD, ...OTHER };
  errors = typeErrorsOf(
    Object.fromEntries(Object.entries(pieces).map(([name, code]) => [name, HEAD + code])),
  );
}, 120_000);

describe('the compiler', () => {
  test.each(Object.keys(MISSPELT_NAME))('names the known agents for a misspelt one: %s', (name) => {
    expect(errors.get(name)).toMatch(/"priced" \| "shout"|Did you mean '"priced"'/);
  });

  test.each(Object.keys(MISSPELT_OPTION))('suggests the right option for a misspelt one: %s', (name) => {
    expect(errors.get(name)).toContain("Did you mean to write 'timeoutMs'?");
  });

  test.each(Object.keys(MISSPELT_YIELD))('names the known options for a misspelt one: %s', (name) => {
    expect(errors.get(name)).toMatch(/timeoutMS/);
    expect(errors.get(name)).toMatch(/the options are: agent, task, .*timeoutMs/);
  });

  test('knows no data of an agent that answers with text', () => {
    expect(errors.get('data of text')).toMatch(/^Property 'data' does not exist on type 'TextResult<"shout"/);
  });
});
