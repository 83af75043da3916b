/** A JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Keys whose values are schemas by name, so that their keys are not keywords. */
export const NAMED_SCHEMAS: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions']);

const FORMATS: Readonly<Record<string, string>> = {
  uri: 'A URL',
  base64: 'Text in base64',
  base64url: 'Text in base64url',
  'json-string': 'JSON text',
  cidrv4: 'An IPv4 range in CIDR notation',
  cidrv6: 'An IPv6 range in CIDR notation',
  e164: 'A phone number in E.164 form',
};

const count = (number: unknown, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

const WORDS: Readonly<Record<string, (value: unknown) => string>> = {
  minimum: (least) => `At least ${least}`,
  maximum: (most) => `At most ${most}`,
  exclusiveMinimum: (bound) => `More than ${bound}`,
  exclusiveMaximum: (bound) => `Less than ${bound}`,
  multipleOf: (unit) => `A multiple of ${unit}`,
  minLength: (least) => `At least ${count(least, 'character')}`,
  maxLength: (most) => `At most ${count(most, 'character')}`,
  pattern: (pattern) => `Matches the regular expression ${pattern}`,
  minItems: (least) => `At least ${count(least, 'item')}`,
  maxItems: (most) => `At most ${count(most, 'item')}`,
  uniqueItems: () => 'No repeated items',
  minProperties: (least) => `At least ${least} entries`,
  maxProperties: (most) => `At most ${most} entries`,
  format: (format) => FORMATS[String(format)] ?? `In the format "${format}"`,
  default: (value) => `By default ${JSON.stringify(value)}`,
  examples: (values) => `For example ${JSON.stringify(values)}`,
};

/** Bounds of every safe integer; zod adds them, and they say nothing to a model. */
const isUnbounded = (value: unknown): boolean => Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER;
const SAID_BY_FORMAT: ReadonlySet<string> = new Set(['pattern', 'contentEncoding', 'contentMediaType']);

/**
 * A schema with keywords that its provider rejects moved into its description, in words.
 *
 * @param isAccepted Whether the provider takes the keyword with this value.
 */
export function sayInWords(
  schema: JsonSchema,
  isAccepted: (keyword: string, value: unknown) => boolean,
): JsonSchema {
  const kept: Record<string, unknown> = {};
  const words: string[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    const isSaid = SAID_BY_FORMAT.has(keyword) && schema.format !== undefined;
    if (isSaid || (isUnbounded(value) && keyword in WORDS)) continue;
    if (isAccepted(keyword, value)) kept[keyword] = value;
    else words.push(WORDS[keyword]?.(value) ?? `${keyword}: ${JSON.stringify(value)}`);
  }
  if (words.length === 0) return kept;
  const said = `${words.join('. ')}.`;
  const { description } = schema;
  const before = typeof description === 'string' && description !== '' ? description : undefined;
  const end = before === undefined || /[.!?]$/.test(before) ? '' : '.';
  return { ...kept, description: before === undefined ? said : `${before}${end} ${said}` };
}

/** Whether a value is an object and no array. */
export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * An intersection of objects as one object, if their properties do not meet; `undefined` if they do, or if something
 * else is intersected.
 */
export function mergeObjects(schema: JsonSchema): JsonSchema | undefined {
  const { allOf, ...rest } = schema;
  if (!Array.isArray(allOf) || !allOf.every(isPlainObject)) return undefined;
  const properties: Record<string, unknown> = {};
  const required: unknown[] = [];
  for (const part of allOf as JsonSchema[]) {
    for (const [name, property] of Object.entries(part.properties as object)) {
      if (Object.hasOwn(properties, name)) return undefined;
      properties[name] = property;
    }
    if (Array.isArray(part.required)) required.push(...part.required);
  }
  return { ...rest, type: 'object', properties, required };
}

const OF_PLAIN_OBJECTS: ReadonlySet<string> = new Set([
  'type',
  'properties',
  'required',
  'additionalProperties',
  'description',
  'title',
]);

function isPlainObject(schema: unknown): boolean {
  if (!isSchema(schema) || schema.type !== 'object' || !isSchema(schema.properties)) return false;
  return Object.keys(schema).every((keyword) => OF_PLAIN_OBJECTS.has(keyword)) && !isOpen(schema);
}

/** Whether an object allows properties that the schema does not name. */
export function isOpen({ additionalProperties }: JsonSchema): boolean {
  return additionalProperties !== undefined && additionalProperties !== false;
}

/** The JSON types of values, for an `enum` or `const` that has none. */
export function typesOf(values: readonly unknown[]): string | string[] {
  const types = [...new Set(values.map((value) => (value === null ? 'null' : typeof value)))];
  return types.length === 1 ? (types[0] as string) : types;
}
