/** Bounds that the API refuses in a schema of structured output. They are still checked after the answer. */
const UNSUPPORTED = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
  'default',
];

/** Keys whose values are schemas by name: the names are not keywords. */
const NAMED_SCHEMAS: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions']);
/** Keys whose values are data, not schemas. */
const DATA: ReadonlySet<string> = new Set(['enum', 'const', 'required', 'examples']);

/** A schema as the Messages API takes it: what it refuses is told in the description instead. */
export function messagesSchema(schema: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  const told: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (UNSUPPORTED.includes(key)) told[key] = value;
    else kept[key === 'oneOf' ? 'anyOf' : key] = DATA.has(key) ? value : inner(value, NAMED_SCHEMAS.has(key));
  }
  if (Object.keys(told).length > 0) {
    const description = typeof schema.description === 'string' ? `${schema.description} ` : '';
    kept.description = `${description}${JSON.stringify(told)}`;
  }
  return kept;
}

function inner(value: unknown, isNamed: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => inner(item, false));
  if (typeof value !== 'object' || value === null) return value;
  if (!isNamed) return messagesSchema(value as Record<string, unknown>);
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, inner(schema, false)]));
}
