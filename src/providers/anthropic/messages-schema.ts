/** Keywords that the API rejects in a schema of structured output. The answer is still validated against them. */
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

/** Keys whose values are schemas by name, so that their keys are not keywords. */
const NAMED_SCHEMAS: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions']);
/** Keys whose values are data instead of schemas. */
const DATA: ReadonlySet<string> = new Set(['enum', 'const', 'required', 'examples']);

/** A schema in the form that the Messages API accepts. Keywords it rejects become part of the description. */
export function messagesSchema(schema: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  const described: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (UNSUPPORTED.includes(key)) described[key] = value;
    else kept[key === 'oneOf' ? 'anyOf' : key] = DATA.has(key) ? value : inner(value, NAMED_SCHEMAS.has(key));
  }
  if (Object.keys(described).length > 0) {
    const description = typeof schema.description === 'string' ? `${schema.description} ` : '';
    kept.description = `${description}${JSON.stringify(described)}`;
  }
  return kept;
}

function inner(value: unknown, isNamed: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => inner(item, false));
  if (typeof value !== 'object' || value === null) return value;
  if (!isNamed) return messagesSchema(value as Record<string, unknown>);
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, inner(schema, false)]));
}
