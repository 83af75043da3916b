// Covers: src/output/described-schema.ts, src/providers/model/schema-words.ts, src/providers/model/structured-output.ts
// Covers: src/providers/openai/strict-schema.ts, src/providers/anthropic/messages-schema.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { AsyncOrchestrator } from '../../../src/index.js';
import { messagesSchema } from '../../../src/providers/anthropic/messages-schema.js';
import { mergeObjects } from '../../../src/providers/model/schema-words.js';
import { strictSchema } from '../../../src/providers/openai/strict-schema.js';
import { type Body, PROTOCOLS, sendJson, WireServer } from '../answers/wire-server.js';
import { anthropicRefusal, openaiRefusal, toolRefusal } from './schema-rules.js';
import { SHAPES } from './schema-shapes.js';

let server: WireServer;
beforeEach(async () => {
  server = new WireServer();
  await server.listen();
});
afterEach(() => server.close());

interface Sent {
  readonly schema: Record<string, unknown>;
  readonly strict?: boolean;
}

/** The format that a body asks for, wherever its API has it. */
function formatOf(body: Body): Sent | undefined {
  const {
    response_format: chat,
    text,
    output_config: config,
  } = body as Record<string, Record<string, unknown> | undefined>;
  return (chat?.json_schema ?? text?.format ?? config?.format) as Sent | undefined;
}

function refusalOf(name: string, body: Body): string | undefined {
  const format = formatOf(body);
  if (format === undefined) return undefined;
  return name === 'Messages'
    ? anthropicRefusal(format.schema)
    : openaiRefusal(format.schema, format.strict === true);
}

describe.each(PROTOCOLS)('%s', (name, protocol) => {
  test.each(SHAPES)('takes %s, and the model sees every field', async (_shape, schema, answer, words) => {
    server.answer = (response, body) => {
      const refusal = refusalOf(name, body);
      if (refusal !== undefined)
        sendJson(
          response,
          { error: { message: `Invalid schema: ${refusal}`, type: 'invalid_request_error' } },
          400,
        );
      else
        protocol.send(
          response,
          { text: JSON.stringify(answer), reason: name === 'Messages' ? 'end_turn' : 'stop' },
          false,
        );
    };
    await using orchestrator = new AsyncOrchestrator({
      agents: { a: { ...protocol.agent(server.url), output: schema } },
    });
    const result = await orchestrator.execute('a', 'hello');
    expect(result.data).toBeDefined();
    const [body] = server.bodies;
    const seen = JSON.stringify(body).replaceAll('\\"', '"');
    expect(seen).toMatch(words);
    if (seen.includes('"known"')) expect(seen.includes('KNOWN-FIELD') || _shape.includes('mini')).toBe(true);
  });
});

test.each(SHAPES.filter(([, schema]) => 'shape' in schema))(
  'the rules of the test refuse the plain schema of %s or take it for a reason',
  (_name, schema) => {
    const plain = z.toJSONSchema(schema as never, { io: 'input', unrepresentable: 'any' }) as Record<
      string,
      unknown
    >;
    // No shape is taken by both as zod writes it: its objects are not closed.
    expect([openaiRefusal(plain, true), anthropicRefusal(plain)]).not.toContain(undefined);
  },
);

describe('strict mode', () => {
  const enforced = (schema: z.ZodType) => {
    const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io: 'input' });
    return strictSchema(json as never) !== undefined;
  };

  test('is used wherever every part can be expressed', () => {
    for (const field of [
      z.url(),
      z.string().min(2),
      z.union([z.string(), z.number()]),
      z.string().nullable(),
      z.email(),
      z.enum(['a']),
    ]) {
      expect(enforced(z.object({ field }))).toBe(true);
    }
    expect(
      enforced(
        z.object({
          field: z.discriminatedUnion('kind', [
            z.object({ kind: z.literal('a') }),
            z.object({ kind: z.literal('b') }),
          ]),
        }),
      ),
    ).toBe(true);
  });

  test('is not used where a part cannot', () => {
    for (const field of [
      z.any(),
      z.record(z.string(), z.string()),
      z.string().optional(),
      z.tuple([z.string()]),
      z.looseObject({}),
    ]) {
      expect(enforced(z.object({ field }))).toBe(false);
    }
  });
});

test('schemas of tools are valid where arrays have places', async () => {
  let refusal: string | undefined = 'no tool was sent';
  server.answer = (response, body) => {
    const [tool] = body.tools as [{ input_schema: Record<string, unknown> }];
    refusal = toolRefusal(tool.input_schema);
    PROTOCOLS[1]?.[1].send(response, { text: 'ok', reason: 'end_turn' }, false);
  };
  const tools = {
    t: { description: 't', input: z.object({ point: z.tuple([z.number(), z.number()]) }), run: () => 'x' },
  };
  const agent = PROTOCOLS[1]?.[1].agent(server.url, { tools });
  await using orchestrator = new AsyncOrchestrator({ agents: { a: agent as never } });
  await orchestrator.execute('a' as never, 'x');
  expect(refusal).toBeUndefined();
});

test('only objects that share no property are merged', () => {
  const object = (name: string) => ({
    type: 'object',
    properties: { [name]: { type: 'string' } },
    required: [name],
  });
  expect(mergeObjects({ allOf: [object('a'), object('b')] })).toMatchObject({ required: ['a', 'b'] });
  expect(mergeObjects({ allOf: [object('a'), object('a')] })).toBeUndefined();
  expect(mergeObjects({ allOf: [object('a'), { type: 'string' }] })).toBeUndefined();
  expect(
    messagesSchema({ type: 'object', properties: { a: { allOf: [{ type: 'string' }] } } }),
  ).toBeUndefined();
});
