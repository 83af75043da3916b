import type { OutputSchema } from '../contracts/output-schema.js';
import { fieldOf } from '../errors/foreign.js';
import { isZodSchema, jsonSchemaOf } from './json-schema.js';

type JsonSchema = Record<string, unknown>;
type Writer = Parameters<typeof jsonSchemaOf>[2];

/**
 * The JSON Schema of what a zod schema accepts, for a model to read. A field that JSON Schema cannot express (a date, a
 * bigint, an instance of a class) is described in words; the others keep their schemas.
 */
export function describedSchema(schema: OutputSchema, writer: Writer): JsonSchema {
  const {
    $schema: _dialect,
    '~standard': _standard,
    ...described
  } = jsonSchemaOf(schema, { unrepresentable: 'any', override: describeIn(writer) }, writer);
  return described;
}

/** Fills in the schemas that zod leaves empty because it cannot express them. */
function describeIn(writer: Writer): (context: { zodSchema: unknown; jsonSchema: JsonSchema }) => void {
  return ({ zodSchema, jsonSchema }) => {
    if (Object.keys(jsonSchema).some((keyword) => !ANNOTATIONS.has(keyword))) return;
    const { description: words, ...stand } = inWords(zodSchema, writer);
    if (words === undefined) return;
    const { description } = jsonSchema;
    const isDescribed = typeof description === 'string' && description !== '';
    Object.assign(jsonSchema, stand, { description: isDescribed ? `${description} (${words})` : words });
  };
}

const ANNOTATIONS: ReadonlySet<string> = new Set([
  'description',
  'title',
  'id',
  'default',
  'examples',
  'deprecated',
]);

/** What a value of an inexpressible type looks like in JSON, and in words. */
function inWords(zodSchema: unknown, writer: Writer): JsonSchema {
  const internals = fieldOf(zodSchema, '_zod');
  const def = fieldOf(internals, 'def');
  switch (fieldOf(def, 'type')) {
    case 'date':
      return {
        type: 'string',
        format: 'date-time',
        description: 'a date and time in ISO 8601, such as 2026-01-31T09:30:00Z',
      };
    case 'bigint':
      return { type: 'string', description: 'a whole number of any size, written in digits' };
    case 'set':
      return {
        type: 'array',
        items: innerSchema(fieldOf(def, 'valueType'), writer),
        description: 'a list without repeated items',
      };
    case 'map':
      return {
        type: 'array',
        items: { type: 'array', items: {}, minItems: 2, maxItems: 2 },
        description: 'a list of [key, value] pairs',
      };
    case 'custom':
      return { description: customWords(fieldOf(fieldOf(internals, 'bag'), 'Class')) };
    case 'nan':
    case 'symbol':
    case 'function':
    case 'undefined':
    case 'void':
      return { description: 'nothing that JSON can hold; leave it out' };
    default:
      return {};
  }
}

function customWords(instanceOf: unknown): string {
  const name = fieldOf(instanceOf, 'name');
  return typeof name === 'string' && name !== ''
    ? `a JSON value from which a ${name} can be made`
    : 'a JSON value as the description of the task demands it';
}

function innerSchema(schema: unknown, writer: Writer): JsonSchema {
  return isZodSchema(schema) ? describedSchema(schema, writer) : {};
}
