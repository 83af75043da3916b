import { type $ZodType, toJSONSchema } from 'zod/v4/core';
import type { OutputSchema } from '../contracts/output-schema.js';

// A file of its own, so that it and its part of zod are loaded when they are needed: 20 kB, which few agents do.

/** What of zod's settings for JSON Schemas is used. */
export interface JsonSchemaOptions {
  readonly io: 'input';
  readonly target?: 'draft-7';
  readonly unrepresentable?: 'any';
  /** Called with every schema and what was written for it, which it may change. */
  readonly override?: (context: { zodSchema: unknown; jsonSchema: Record<string, unknown> }) => void;
}

/** The JSON Schema of a schema of zod 4, whatever part of zod it comes from. */
export function writeJsonSchema(schema: OutputSchema, options: JsonSchemaOptions): object {
  return toJSONSchema(schema as unknown as $ZodType, options as Parameters<typeof toJSONSchema>[1]);
}
