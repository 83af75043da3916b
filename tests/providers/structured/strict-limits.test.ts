// Covers: src/providers/openai/strict-schema.ts
import { describe, expect, test } from '@jest/globals';
import { strictSchema } from '../../../src/providers/openai/strict-schema.js';

const object = (properties: Record<string, unknown>, more: object = {}): Record<string, unknown> => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
});

/** An object within so many others. */
function nested(depth: number): Record<string, unknown> {
  let schema: Record<string, unknown> = { type: 'string' };
  for (let level = 0; level < depth; level += 1) schema = object({ inner: schema });
  return schema;
}

describe('a schema for strict mode', () => {
  test('keeps references, with a description only around them', () => {
    const $defs = { name: { type: 'string' } };
    const parts = {
      plain: { $ref: '#/$defs/name' },
      described: { $ref: '#/$defs/name', description: 'a name' },
      own: { $ref: '#/properties/own/$defs/other', $defs: { other: { type: 'number' } } },
    };
    expect(strictSchema(object(parts, { $defs }))).toMatchObject({
      $defs,
      properties: {
        plain: { $ref: '#/$defs/name' },
        described: { anyOf: [{ $ref: '#/$defs/name' }], description: 'a name' },
        own: { $ref: '#/properties/own/$defs/other', $defs: { other: { type: 'number' } } },
      },
    });
  });

  test('has the type of its values where it names none', () => {
    const parts = { level: { enum: [1, 2] }, kind: { const: 'a' }, none: { type: 'null', const: null } };
    expect(strictSchema(object(parts))).toMatchObject({
      properties: { level: { type: 'number' }, kind: { type: 'string' }, none: { type: 'null' } },
    });
  });

  test.each([
    ['values that are objects', object({ a: { const: { b: 1 } } })],
    ['more than 1,000 values', object({ a: { enum: Array.from({ length: 1_001 }, (_, n) => n) } })],
    ['branches that are no list', object({ a: { anyOf: { type: 'string' } } })],
    ['definitions that are none', object({ a: { type: 'string' } }, { $defs: 'none' })],
    ['no properties', { type: 'object' }],
    ['a part that says nothing', object({ a: {} })],
    ['a part that is no schema', object({ a: true })],
    ['optional properties', object({ a: { type: 'string' } }, { required: undefined })],
    ['an unknown keyword', object({ a: { type: 'string', not: { const: 'x' } } })],
    ['a root that is no object', { type: 'string' }],
    ['objects eleven levels deep', nested(12)],
  ])('cannot have %s', (_what, schema) => {
    expect(strictSchema(schema)).toBeUndefined();
  });

  test('may be ten levels deep', () => {
    expect(strictSchema(nested(10))).toBeDefined();
  });
});
