import { isOpen, isSchema, type JsonSchema, mergeObjects, sayInWords } from '../model/schema-words.js';
import type { FormatWriter } from '../model/structured-output.js';

/** Keywords that the API accepts within a schema of structured output. */
const ACCEPTED: ReadonlySet<string> = new Set([
  'type',
  'description',
  'title',
  'enum',
  'const',
  'anyOf',
  '$ref',
  '$defs',
  'properties',
  'required',
  'additionalProperties',
  'items',
]);
const FORMATS: ReadonlySet<unknown> = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
]);
/** Keywords that change the shape of a value in a way that the API cannot express. */
const SHAPES: ReadonlySet<string> = new Set([
  'allOf',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'prefixItems',
  'additionalItems',
  'patternProperties',
  'propertyNames',
  'dependentRequired',
  'dependentSchemas',
  'unevaluatedProperties',
  'unevaluatedItems',
]);

/** Limits of one request. */
const MAX_OPTIONAL = 24;
const MAX_UNIONS = 16;

/** Thrown where a schema has a part that the API cannot express. */
const OUTSIDE = Symbol('outside of structured output');

/**
 * A schema in the form that the Messages API accepts: every object closed, unions as `anyOf`, limits that it rejects in
 * words. `undefined` if a part has another shape than the API can express: records, tuples, any value, recursion.
 */
export function messagesSchema(schema: JsonSchema): JsonSchema | undefined {
  try {
    if (isRecursive(schema)) return undefined;
    const written = new MessagesWriter().write(schema);
    return written.type === 'object' ? written : undefined;
  } catch (thrown) {
    if (thrown === OUTSIDE) return undefined;
    throw thrown;
  }
}

/** {@link messagesSchema} as a format. What the API cannot express stands in the instructions. */
export const messagesFormat: FormatWriter = (schema) => {
  const written = messagesSchema(schema);
  return written && { schema: written, isStrict: true };
};

class MessagesWriter {
  #optional = 0;
  #unions = 0;

  write(schema: unknown): JsonSchema {
    if (!isSchema(schema)) throw OUTSIDE;
    const { oneOf, ...rest } = schema;
    const plain = oneOf === undefined ? rest : { ...rest, anyOf: oneOf };
    const merged = 'allOf' in plain ? mergeObjects(plain) : plain;
    if (merged === undefined || Object.keys(merged).some((keyword) => SHAPES.has(keyword))) throw OUTSIDE;
    const said = sayInWords(merged, isAccepted);
    const written = { ...said, ...this.#members(said) };
    checkValues(written);
    return written;
  }

  #members(schema: JsonSchema): JsonSchema {
    const members: Record<string, unknown> = {};
    if ('$defs' in schema) members.$defs = this.#named(schema.$defs);
    if (Array.isArray(schema.anyOf)) {
      this.#countUnion();
      members.anyOf = schema.anyOf.map((branch) => this.write(branch));
    }
    if (Array.isArray(schema.type)) this.#countUnion();
    if (schema.type === 'object') Object.assign(members, this.#object(schema));
    if (schema.type === 'array') members.items = this.write(schema.items);
    return members;
  }

  #object(schema: JsonSchema): JsonSchema {
    const { properties, required } = schema;
    if (!isSchema(properties) || isOpen(schema)) throw OUTSIDE;
    this.#optional += Object.keys(properties).length - (Array.isArray(required) ? required.length : 0);
    if (this.#optional > MAX_OPTIONAL) throw OUTSIDE;
    return { properties: this.#named(properties), additionalProperties: false };
  }

  #countUnion(): void {
    this.#unions += 1;
    if (this.#unions > MAX_UNIONS) throw OUTSIDE;
  }

  #named(schemas: unknown): JsonSchema {
    if (!isSchema(schemas)) throw OUTSIDE;
    return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, this.write(schema)]));
  }
}

/** Every value needs a type, or values to choose from, which are not objects. */
function checkValues(schema: JsonSchema): void {
  const values = 'const' in schema ? [schema.const] : schema.enum;
  const isPlain =
    !Array.isArray(values) || values.every((value) => value === null || typeof value !== 'object');
  const hasShape = ['type', 'anyOf', '$ref', 'enum', 'const'].some((keyword) => keyword in schema);
  if (!isPlain || !hasShape) throw OUTSIDE;
}

function isAccepted(keyword: string, value: unknown): boolean {
  if (keyword === 'format') return FORMATS.has(value);
  if (keyword === 'minItems') return value === 0 || value === 1;
  return ACCEPTED.has(keyword);
}

/** Whether a definition, or the whole, refers to itself. */
function isRecursive(schema: JsonSchema): boolean {
  const definitions = isSchema(schema.$defs) ? schema.$defs : {};
  const { $defs: _definitions, ...root } = schema;
  const refersTo = new Map<string, readonly string[]>();
  for (const [name, definition] of Object.entries(definitions))
    refersTo.set(`#/$defs/${name}`, refsIn(definition));
  refersTo.set('#', refsIn(root));
  const isReached = (from: string, target: string, visited: Set<string>): boolean => {
    if (visited.has(from)) return false;
    visited.add(from);
    return (refersTo.get(from) ?? []).some((ref) => ref === target || isReached(ref, target, visited));
  };
  return [...refersTo.keys()].some((ref) => isReached(ref, ref, new Set()));
}

function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : refsIn(inner),
  );
}
