// Covers: src/agents/agent-name.ts
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { AsyncOrchestrator, defineAgent, InvalidArgumentError, OutputError } from '../../src/index.js';
import { rejectionOf } from '../behaviour/scripted-agents.js';

const echo = (task: string): string => task;

describe('defineAgent', () => {
  test('gives a frozen definition with everything that was given', () => {
    const output = z.object({ n: z.number() });
    const definition = defineAgent({
      name: 'whole',
      description: 'does it all',
      run: echo,
      model: 'm-1',
      instructions: 'be brief',
      params: { temperature: 0 },
      output,
      timeoutMs: 1,
      timeouts: { queueMs: 2, firstTokenMs: 3, idleMs: 4 },
      deadlineMs: 5,
      maxRetries: 0,
      maxConcurrent: 6,
      version: '7',
    });
    expect(definition).toMatchObject({ name: 'whole', timeoutMs: 1, maxConcurrent: 6, version: '7' });
    expect(definition.run).toBe(echo);
    expect(definition.output).toBe(output);
    expect(Object.isFrozen(definition)).toBe(true);
  });

  test.each(['', 'a b', '../x', 'a\n', 'x'.repeat(129)])('refuses the name %j', (name) => {
    expect(() => defineAgent({ name, run: echo })).toThrow(/Invalid agent name/);
  });

  test('wants either a function or a provider', () => {
    expect(() => defineAgent({ name: 'x' })).toThrow(InvalidArgumentError);
    expect(() => defineAgent(undefined as never)).toThrow(InvalidArgumentError);
  });
});

describe('an output schema', () => {
  const orchestrator = new AsyncOrchestrator({
    agents: [
      defineAgent({
        name: 'json',
        output: z.object({
          items: z.array(z.object({ price: z.number() })),
          note: z.string().default('none'),
        }),
        run: echo,
      }),
      defineAgent({
        name: 'ready',
        output: z.object({ n: z.number() }),
        run: () => ({ output: 'not JSON', data: { n: 3 } }),
      }),
    ],
  });

  test('parses the answer as JSON, validates it and fills in its defaults', async () => {
    const result = await orchestrator.execute('json', '{ "items": [{ "price": 3 }] }');
    expect(result.data).toEqual({ items: [{ price: 3 }], note: 'none' });
    expect(result.output).toBe('{ "items": [{ "price": 3 }] }');
  });

  test('validates the data of an agent that gives some, and leaves its text alone', async () => {
    expect((await orchestrator.execute('ready', 't')).data).toEqual({ n: 3 });
  });

  test('refuses what is not JSON, without repeating it', async () => {
    const error = await rejectionOf(OutputError, orchestrator.execute('json', 'a secret answer'));
    expect(error).toMatchObject({ code: 'TUTTI_OUTPUT_INVALID', path: '', agent: 'json' });
    expect(error.message).toContain('the answer contains no JSON (15 characters)');
    expect(error.message).not.toContain('secret');
  });

  test('says where the answer does not match', async () => {
    const error = await rejectionOf(
      OutputError,
      orchestrator.execute('json', '{ "items": [{ "price": "3" }] }'),
    );
    expect(error.path).toBe('items.0.price');
    expect(error.message).toContain('the answer does not match the output schema: items.0.price');
    expect((await rejectionOf(OutputError, orchestrator.execute('json', '7'))).path).toBe('');
  });
});
