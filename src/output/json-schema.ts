import type { OutputSchema } from '../contracts/output-schema.js';
import { LazyModule } from '../lifecycle/lazy-module.js';
import type { JsonSchemaOptions } from './core-json-schema.js';

/** A schema of zod's main entry, which writes its JSON Schema itself. */
interface SelfDescribing {
  toJSONSchema(options: JsonSchemaOptions): object;
}

/** Writes the JSON Schemas of those that cannot: schemas of zod/mini, and of zod before 4.2. */
export const jsonSchemaWriter = new LazyModule(() => import('./core-json-schema.js'));

/** Whether the JSON Schema of the schema cannot be had without {@link jsonSchemaWriter}. */
export function needsJsonSchemaWriter(schema: OutputSchema | undefined): boolean {
  return isZodSchema(schema) && !isSelfDescribing(schema);
}

/**
 * The JSON Schema of what a zod schema accepts, before any transform.
 *
 * @param writer For schemas that {@link needsJsonSchemaWriter}.
 * @throws an error of zod where JSON Schema cannot say it.
 */
export function jsonSchemaOf(
  schema: OutputSchema,
  options: Omit<JsonSchemaOptions, 'io'>,
  writer: typeof import('./core-json-schema.js') | undefined,
): Record<string, unknown> {
  const asked = { ...options, io: 'input' } as const;
  // It is asked itself first, since it may come from another version of zod.
  if (isSelfDescribing(schema)) return schema.toJSONSchema(asked) as Record<string, unknown>;
  if (writer === undefined) throw new Error('What writes JSON Schemas is not loaded.');
  return writer.writeJsonSchema(schema, asked) as Record<string, unknown>;
}

/** Whether it is a schema of zod 4. */
export function isZodSchema(value: unknown): value is OutputSchema {
  return typeof value === 'object' && value !== null && '_zod' in value;
}

function isSelfDescribing(schema: object): schema is SelfDescribing {
  return typeof (schema as Partial<SelfDescribing>).toJSONSchema === 'function';
}
