import type { OutputSchema } from '../../contracts/output-schema.js';
import { toJsonSchema } from './tool-set.js';

/** A schema as a model is given it. */
export interface OutputFormat {
  /** JSON Schema of an object that allows no other properties. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Whether every property is required: some providers enforce only such schemas. */
  readonly allRequired: boolean;
}

/** How a model is told which answer is wanted. */
export interface OutputRequest {
  /** For the provider's own structured output; absent where the schema is not an object or it is switched off. */
  readonly format?: OutputFormat | undefined;
  /** To be added to the instructions where there is no such format. */
  readonly instruction?: string | undefined;
}

const prepared = new WeakMap<OutputSchema, OutputRequest>();

/** What to ask for so that the answer fits the schema. Made once for each schema. */
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
  const instruction = `Answer with one JSON value that fits this JSON Schema, and nothing else:\n${JSON.stringify(json)}`;
  if (json.type !== 'object') return { instruction };
  const state = { allRequired: true };
  return {
    format: { schema: closeObjects(json, state) as Record<string, unknown>, allRequired: state.allRequired },
    instruction,
  };
}

/** A schema that JSON Schema cannot say is still validated after the answer: only the hint is lost. */
function tryJsonSchema(schema: OutputSchema): Record<string, unknown> | undefined {
  try {
    return toJsonSchema(schema, 'output');
  } catch {
    return undefined;
  }
}

/** Structured output wants objects that allow no other properties, at every depth. */
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
