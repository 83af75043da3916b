import type { OutputSchema } from '../../contracts/output-schema.js';
import * as jsonSchemaWriter from '../../output/core-json-schema.js';
import { describedSchema } from '../../output/described-schema.js';
import { isZodSchema } from '../../output/json-schema.js';
import { isSchema, type JsonSchema, NAMED_SCHEMAS } from './schema-words.js';

/** A schema in the form that a provider's structured output takes. */
export interface OutputFormat {
  readonly schema: JsonSchema;
  /** Whether the provider enforces it. Otherwise the model only sees it. */
  readonly isStrict: boolean;
}

/** Writes an object's schema in a provider's form; `undefined` if its structured output cannot express it at all. */
export type FormatWriter = (schema: JsonSchema) => OutputFormat | undefined;

/** How a model is asked for an answer that matches a schema. */
export interface OutputRequest {
  /** For the provider's structured output; absent if that is off or cannot express the schema. */
  readonly format?: OutputFormat | undefined;
  /** Text to add to the instructions, if there is no such format. */
  readonly instruction?: string | undefined;
}

/** What was prepared for a schema: its JSON Schema, and its form for each provider that was asked. */
interface Prepared {
  readonly json: JsonSchema | undefined;
  readonly formats: Map<FormatWriter, OutputFormat | undefined>;
}

const prepared = new WeakMap<OutputSchema, Prepared>();

/**
 * How to ask for an answer that matches the schema. Prepared once per schema and provider.
 *
 * @param write The provider's form; `undefined` if its structured output is not used.
 */
export function outputRequest(
  schema: OutputSchema | undefined,
  write: FormatWriter | undefined,
): OutputRequest {
  if (schema === undefined) return {};
  let known = prepared.get(schema);
  if (known === undefined) {
    known = { json: jsonOf(schema), formats: new Map() };
    prepared.set(schema, known);
  }
  const format = write === undefined ? undefined : formatOf(known, write);
  return format === undefined ? { instruction: instructionFor(known.json) } : { format };
}

function formatOf({ json, formats }: Prepared, write: FormatWriter): OutputFormat | undefined {
  if (json?.type !== 'object') return undefined;
  if (!formats.has(write)) formats.set(write, write(json));
  return formats.get(write);
}

function instructionFor(json: JsonSchema | undefined): string {
  if (json === undefined) return 'Answer with one JSON value and nothing else.';
  return `Answer with one JSON value that matches this JSON Schema, and nothing else:\n${JSON.stringify(json)}`;
}

/** Without JSON Schema only the hint to the model is lost: the answer is validated regardless. */
function jsonOf(schema: OutputSchema): JsonSchema | undefined {
  if (!isZodSchema(schema)) return undefined;
  try {
    return describedSchema(schema, jsonSchemaWriter);
  } catch {
    return undefined;
  }
}

/** Closes objects that do not say whether they allow other properties: zod drops those, and models need not write them. */
export function closeObjects(schema: JsonSchema): JsonSchema {
  const closed = Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => [keyword, closeIn(value, NAMED_SCHEMAS.has(keyword))]),
  );
  const isObject = closed.type === 'object' && isSchema(closed.properties);
  return isObject && closed.additionalProperties === undefined
    ? { ...closed, additionalProperties: false }
    : closed;
}

function closeIn(value: unknown, isNamed: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => closeIn(item, false));
  if (!isSchema(value)) return value;
  if (!isNamed) return closeObjects(value);
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, closeIn(schema, false)]));
}

/** The whole schema as it is, for providers that adapt it themselves. */
export const wholeFormat: FormatWriter = (schema) => ({ schema: closeObjects(schema), isStrict: false });
