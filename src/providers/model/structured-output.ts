import type { OutputSchema } from '../../contracts/output-schema.js';
import { toJsonSchema } from './tool-set.js';

/** A schema in the form that is sent to a model. */
export interface OutputFormat {
  /** JSON Schema of an object that allows no other properties. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Whether every property is required: some providers can enforce only such schemas. */
  readonly allRequired: boolean;
}

/** How a model is asked for an answer that matches a schema. */
export interface OutputRequest {
  /** For the provider's structured output; absent if that is off or the schema is not an object. */
  readonly format?: OutputFormat | undefined;
  /** Text to add to the instructions, if there is no such format. */
  readonly instruction?: string | undefined;
}

const prepared = new WeakMap<OutputSchema, OutputRequest>();

/** How to ask for an answer that matches the schema. Created once per schema. */
export function outputRequest(schema: OutputSchema | undefined, useNative: boolean): OutputRequest {
  if (schema === undefined) return {};
  let request = prepared.get(schema);
  if (request === undefined) {
    request = describeOutput(schema);
    prepared.set(schema, request);
  }
  return useNative && request.format !== undefined
    ? { format: request.format }
    : { instruction: request.instruction };
}

function describeOutput(schema: OutputSchema): OutputRequest {
  const json = tryJsonSchema(schema);
  if (json === undefined) return { instruction: 'Answer with one JSON value and nothing else.' };
  const instruction = `Answer with one JSON value that matches this JSON Schema, and nothing else:\n${JSON.stringify(json)}`;
  if (json.type !== 'object') return { instruction };
  const state = { allRequired: true };
  return {
    format: { schema: closeObjects(json, state) as Record<string, unknown>, allRequired: state.allRequired },
    instruction,
  };
}

/** Without JSON Schema only the hint to the model is lost: the answer is validated regardless. */
function tryJsonSchema(schema: OutputSchema): Record<string, unknown> | undefined {
  try {
    return toJsonSchema(schema, 'output');
  } catch {
    return undefined;
  }
}

/** Structured output requires objects that allow no additional properties, at every depth. */
function closeObjects(value: unknown, state: { allRequired: boolean }): unknown {
  if (Array.isArray(value)) return value.map((item) => closeObjects(item, state));
  if (typeof value !== 'object' || value === null) return value;
  const node = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, closeObjects(inner, state)]),
  );
  const { properties } = value as { properties?: unknown };
  if (
    typeof properties !== 'object' ||
    properties === null ||
    (value as { type?: unknown }).type !== 'object'
  ) {
    return node;
  }
  const required = (value as { required?: readonly string[] }).required ?? [];
  if (Object.keys(properties).length !== required.length) state.allRequired = false;
  return { ...node, additionalProperties: false };
}
