import {
  isOpen,
  isSchema,
  type JsonSchema,
  mergeObjects,
  sayInWords,
  typesOf,
} from '../model/schema-words.js';
import { closeObjects, type FormatWriter } from '../model/structured-output.js';

/** What strict mode takes, by the kind of node. */
const COMMON = ['type', 'description', 'title', 'enum', 'const', '$ref', '$defs', 'anyOf'];
const OBJECTS = ['properties', 'required', 'additionalProperties'];
const ARRAYS = ['items', 'minItems', 'maxItems'];
const NUMBERS = ['multipleOf', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'];
const ACCEPTED: ReadonlySet<string> = new Set([...COMMON, ...OBJECTS, ...ARRAYS, ...NUMBERS]);
const FORMATS: ReadonlySet<unknown> = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
]);
/** Keywords that limit a value without changing its shape. What strict mode does not take of them is said in words. */
const SAYABLE: ReadonlySet<string> = new Set([
  ...ACCEPTED,
  'format',
  'pattern',
  'minLength',
  'maxLength',
  'uniqueItems',
  'contentEncoding',
  'contentMediaType',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$comment',
  'id',
]);

const MAX_DEPTH = 10;
const MAX_PROPERTIES = 5_000;
const MAX_ENUM_VALUES = 1_000;

/** Thrown where a schema has a part that strict mode cannot express. */
const OUTSIDE = Symbol('outside of strict mode');

/**
 * A schema in the subset of JSON Schema that strict mode enforces: every object closed, every property required, unions
 * as `anyOf`. Limits that it does not know are said in words. `undefined` if a part has another shape than strict mode
 * can express: optional properties, records, tuples, any value, intersections of other things than objects.
 */
export function strictSchema(schema: JsonSchema): JsonSchema | undefined {
  try {
    const strict = new StrictWriter().write(schema, 0);
    // The root is an object; a union or reference is rejected there.
    return strict.type === 'object' ? strict : undefined;
  } catch (thrown) {
    if (thrown === OUTSIDE) return undefined;
    throw thrown;
  }
}

/** Strict mode where it can express the schema; else the whole schema, for the model to see. */
export const strictFormat: FormatWriter = (schema) => {
  const strict = strictSchema(schema);
  return { schema: strict ?? closeObjects(schema), isStrict: strict !== undefined };
};

class StrictWriter {
  #properties = 0;
  #enumValues = 0;

  write(schema: unknown, depth: number): JsonSchema {
    if (!isSchema(schema) || depth > MAX_DEPTH) throw OUTSIDE;
    if (typeof schema.$ref === 'string') return this.#reference(schema, depth);
    const merged = 'allOf' in schema ? mergeObjects(schema) : withAnyOf(schema);
    if (merged === undefined || Object.keys(merged).some((keyword) => !SAYABLE.has(keyword))) throw OUTSIDE;
    const said = sayInWords(merged, isAccepted);
    const written = { ...said, ...this.#values(said), ...this.#members(said, depth) };
    if (!['type', 'anyOf', 'enum', 'const'].some((keyword) => keyword in written)) throw OUTSIDE;
    return written;
  }

  /** A reference takes nothing beside it. */
  #reference({ $ref, description, $defs }: JsonSchema, depth: number): JsonSchema {
    const more = $defs === undefined ? {} : { $defs: this.#named($defs, depth) };
    if (description === undefined) return { $ref, ...more };
    return { anyOf: [{ $ref }], description, ...more };
  }

  #values(schema: JsonSchema): JsonSchema {
    const values = 'const' in schema ? [schema.const] : schema.enum;
    if (!Array.isArray(values)) return {};
    this.#enumValues += values.length;
    const isPlain = values.every((value) => value === null || typeof value !== 'object');
    if (!isPlain || this.#enumValues > MAX_ENUM_VALUES) throw OUTSIDE;
    return schema.type === undefined ? { type: typesOf(values) } : {};
  }

  #members(schema: JsonSchema, depth: number): JsonSchema {
    const members: Record<string, unknown> = {};
    if ('$defs' in schema) members.$defs = this.#named(schema.$defs, depth);
    if ('anyOf' in schema) members.anyOf = this.#branches(schema.anyOf, depth);
    if (schema.type === 'object') Object.assign(members, this.#object(schema, depth));
    if (schema.type === 'array') members.items = this.write(schema.items, depth);
    return members;
  }

  #object(schema: JsonSchema, depth: number): JsonSchema {
    const { properties, required = [] } = schema;
    if (!isSchema(properties) || isOpen(schema)) throw OUTSIDE;
    const names = Object.keys(properties);
    this.#properties += names.length;
    const areRequired = names.every((name) => (required as readonly unknown[]).includes(name));
    if (!areRequired || this.#properties > MAX_PROPERTIES) throw OUTSIDE;
    return { properties: this.#named(properties, depth + 1), required: names, additionalProperties: false };
  }

  #branches(branches: unknown, depth: number): JsonSchema[] {
    if (!Array.isArray(branches)) throw OUTSIDE;
    return branches.map((branch) => keyFirst(this.write(branch, depth)));
  }

  #named(schemas: unknown, depth: number): JsonSchema {
    if (!isSchema(schemas)) throw OUTSIDE;
    return Object.fromEntries(
      Object.entries(schemas).map(([name, schema]) => [name, this.write(schema, depth)]),
    );
  }
}

/** A union by a key is written as `oneOf`, which strict mode does not take. */
function withAnyOf({ oneOf, ...schema }: JsonSchema): JsonSchema {
  return oneOf === undefined ? schema : { ...schema, anyOf: oneOf };
}

/** Branches must not begin with the same property, unless its value tells them apart. */
function keyFirst(branch: JsonSchema): JsonSchema {
  if (!isSchema(branch.properties)) return branch;
  const entries = Object.entries(branch.properties);
  const isKey = ([, schema]: readonly [string, unknown]): boolean => isSchema(schema) && 'const' in schema;
  const ordered = [...entries.filter(isKey), ...entries.filter((entry) => !isKey(entry))];
  return {
    ...branch,
    properties: Object.fromEntries(ordered),
    required: ordered.map(([name]) => name),
  };
}

function isAccepted(keyword: string, value: unknown): boolean {
  if (keyword === 'format') return FORMATS.has(value);
  // Lookaround and references back are rejected.
  if (keyword === 'pattern') return !/\(\?(?!:)|\\[1-9k]/.test(String(value));
  return ACCEPTED.has(keyword);
}
