import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import * as mini from 'zod/mini';
import type { OutputSchema } from '../../src/contracts/output-schema.js';
import * as writer from '../../src/output/core-json-schema.js';
import { isZodSchema, jsonSchemaOf, needsJsonSchemaWriter } from '../../src/output/json-schema.js';

const SCHEMAS: [string, z.core.$ZodType][] = [
  ['an object', z.object({ name: z.string().min(1).describe('of the city'), size: z.number().optional() })],
  ['a strict object', z.strictObject({ at: z.iso.date(), tags: z.array(z.enum(['a', 'b'])).default([]) })],
  ['a transform', z.object({ n: z.string().transform(Number) })],
  ['what JSON Schema cannot say', z.object({ when: z.date(), id: z.bigint() })],
  ['an object of zod/mini', mini.object({ name: mini.string().check(mini.minLength(1)), n: mini.number() })],
  ['a union of zod/mini', mini.union([mini.string(), mini.nullable(mini.array(mini.boolean()))])],
];

describe('jsonSchemaOf', () => {
  // Stored answers are found by a digest of this text: it has to stay what zod's own function writes.
  test.each(SCHEMAS)('writes of %s what zod writes', (_what, schema) => {
    const written = jsonSchemaOf(schema as unknown as OutputSchema, { unrepresentable: 'any' }, writer);
    expect(JSON.stringify(written)).toBe(
      JSON.stringify(z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' })),
    );
  });

  test('needs a writer for schemas of zod/mini alone', () => {
    const own = SCHEMAS.map(([what, schema]) => [what, needsJsonSchemaWriter(schema as never)]);
    expect(own.filter(([, isNeeded]) => isNeeded)).toEqual([
      ['an object of zod/mini', true],
      ['a union of zod/mini', true],
    ]);
    expect(needsJsonSchemaWriter(undefined)).toBe(false);
    expect(() => jsonSchemaOf(mini.string() as unknown as OutputSchema, {}, undefined)).toThrow('not loaded');
  });

  test('is for schemas of zod: others are recognised', () => {
    expect(isZodSchema(z.string())).toBe(true);
    expect(isZodSchema({ safeParse: () => ({ success: true }) })).toBe(false);
    expect(isZodSchema(undefined)).toBe(false);
  });
});
