import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { definitionDigest } from '../../src/agents/definition-digest.js';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import type { OutputSchema } from '../../src/contracts/output-schema.js';
import { jsonSchemaWriter } from '../../src/output/json-schema.js';

const run = (task: string): string => task;
const withOutput = (output: unknown): AgentDefinition => ({ name: 'a', run, output: output as OutputSchema });
const digestOf = (output: unknown): string | undefined => definitionDigest(withOutput(output));

describe('the digest of a definition', () => {
  test('is nothing for a plain function', () => {
    expect(definitionDigest({ name: 'a', run, timeoutMs: 5, description: 'x' })).toBeUndefined();
  });

  test('is not made of less where the code for it is not loaded yet', async () => {
    const definition = withOutput(mini.object({ n: mini.number() }));
    expect(() => definitionDigest(definition)).toThrow('is still being loaded');
    await jsonSchemaWriter.load();
    expect(definitionDigest(definition)).toMatch(/^[0-9a-f]{64}$/);
  });

  test('differs with the schema, of zod and of zod/mini alike', async () => {
    await jsonSchemaWriter.load();
    const digests = [
      digestOf(z.object({ n: z.number() })),
      digestOf(z.object({ n: z.string() })),
      digestOf(mini.object({ n: mini.number().check(mini.positive()) })),
      digestOf(mini.object({ n: mini.string() })),
      digestOf({ safeParse: () => ({ success: true, data: 1 }) }),
    ];
    // What zod and zod/mini say the same of is the same.
    expect(digests[1]).toBe(digests[3]);
    expect(new Set(digests).size).toBe(4);
    expect(digestOf(z.object({ n: z.number() }))).toBe(digests[0]);
  });
});
