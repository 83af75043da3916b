/** What real servers refuse in the schema of structured output, with the words of their errors. */

type Node = Record<string, unknown>;

const NAMED = ['properties', '$defs', 'definitions', 'patternProperties'];
const DATA = [
  'enum',
  'const',
  'default',
  'examples',
  'required',
  'type',
  'description',
  'title',
  'format',
  'pattern',
];

/** Calls back for every schema in a schema. */
function eachSchema(
  node: unknown,
  visit: (schema: Node, path: string, depth: number) => void,
  path = '()',
  depth = 0,
): void {
  if (Array.isArray(node)) {
    for (const [index, inner] of node.entries()) eachSchema(inner, visit, `${path}.${index}`, depth);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  visit(node as Node, path, depth);
  for (const [key, inner] of Object.entries(node)) {
    if (DATA.includes(key)) continue;
    if (!NAMED.includes(key)) eachSchema(inner, visit, `${path}.${key}`, depth);
    else
      for (const [name, schema] of Object.entries(inner as Node))
        eachSchema(schema, visit, `${path}.${key}.${name}`, depth + 1);
  }
}

function firstFault(
  schema: unknown,
  faultIn: (node: Node, depth: number) => string | undefined,
): string | undefined {
  let fault: string | undefined;
  eachSchema(schema, (node, path, depth) => {
    const found = fault === undefined ? faultIn(node, depth) : undefined;
    if (found !== undefined) fault = `In context=${path}, ${found}`;
  });
  return fault;
}

const OPENAI_KEYWORDS = new Set([
  'type',
  'description',
  'title',
  'enum',
  'const',
  'anyOf',
  '$ref',
  '$defs',
  'definitions',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'minItems',
  'maxItems',
  'pattern',
  'format',
  'multipleOf',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
]);
const OPENAI_FORMATS = ['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid'];

/** What OpenAI refuses: in strict mode all but its subset, otherwise what is no valid schema of an object. */
export function openaiRefusal(schema: Node, isStrict: boolean): string | undefined {
  if (schema.type !== 'object')
    return `schema must be a JSON Schema of 'type: "object"', got 'type: "${schema.type}"'.`;
  const invalid = firstFault(schema, ({ items }) =>
    Array.isArray(items) ? 'items is not of type object, boolean' : undefined,
  );
  if (invalid !== undefined || !isStrict) return invalid;
  return firstFault(schema, (node, depth) => {
    const names = Object.keys((node.properties ?? {}) as Node);
    const required = (node.required ?? []) as string[];
    const strange = Object.keys(node).find((keyword) => !OPENAI_KEYWORDS.has(keyword));
    if (strange !== undefined) return `'${strange}' is not permitted.`;
    if (depth > 10) return 'nested too deeply.';
    if ('$ref' in node && Object.keys(node).some((keyword) => keyword !== '$ref' && keyword !== '$defs'))
      return '$ref cannot have keywords beside it.';
    if ('format' in node && !OPENAI_FORMATS.includes(node.format as string))
      return `'${node.format}' is not a valid format.`;
    if ('pattern' in node && /\(\?[=!<]/.test(node.pattern as string)) return 'lookaround is not supported.';
    if (!['type', '$ref', 'anyOf'].some((keyword) => keyword in node))
      return "schema must have a 'type' key.";
    if (node.type === 'object' && node.additionalProperties !== false)
      return "'additionalProperties' is required to be supplied and to be false.";
    if (node.type === 'object' && !names.every((name) => required.includes(name)))
      return "'required' is required to include every key in properties.";
    if (node.type === 'array' && (typeof node.items !== 'object' || node.items === null))
      return 'array schema missing items.';
    return firstKeysMeet(node)
      ? "objects provided via 'anyOf' must not share identical first keys."
      : undefined;
  });
}

function firstKeysMeet({ anyOf }: Node): boolean {
  const firsts = ((anyOf ?? []) as Node[]).flatMap((branch) => {
    const [first] = Object.entries((branch.properties ?? {}) as Node);
    return first === undefined ? [] : [`${first[0]}:${JSON.stringify((first[1] as Node).const)}`];
  });
  return new Set(firsts).size < firsts.length;
}

const ANTHROPIC_KEYWORDS = new Set([
  'type',
  'description',
  'title',
  'enum',
  'const',
  'anyOf',
  'allOf',
  '$ref',
  '$defs',
  'definitions',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'minItems',
  'format',
  'default',
]);
const ANTHROPIC_FORMATS = [...OPENAI_FORMATS, 'uri'];

/** What Anthropic refuses in `output_config.format`. */
export function anthropicRefusal(schema: Node): string | undefined {
  const counts = { optional: 0, unions: 0 };
  const refers = JSON.stringify(schema).match(/"\$ref":"[^"]*"/g) ?? [];
  const fault = firstFault(schema, (node) => {
    const names = Object.keys((node.properties ?? {}) as Node);
    const required = (node.required ?? []) as string[];
    counts.optional += names.filter((name) => !required.includes(name)).length;
    if ('anyOf' in node || Array.isArray(node.type)) counts.unions += 1;
    const strange = Object.keys(node).find((keyword) => !ANTHROPIC_KEYWORDS.has(keyword));
    if (strange !== undefined) return `for '${node.type}' type, property '${strange}' is not supported.`;
    if ('format' in node && !ANTHROPIC_FORMATS.includes(node.format as string))
      return `string format '${node.format}' is not supported.`;
    if ('minItems' in node && node.minItems !== 0 && node.minItems !== 1) return 'minItems must be 0 or 1.';
    if (node.type === 'object' && node.additionalProperties !== false)
      return "'additionalProperties' must be explicitly set to false.";
    if (node.type === 'array' && (typeof node.items !== 'object' || node.items === null))
      return 'array needs items.';
    if (!['type', '$ref', 'anyOf', 'allOf', 'enum', 'const'].some((keyword) => keyword in node))
      return 'schema type is missing.';
    return undefined;
  });
  if (fault !== undefined) return fault;
  if (counts.optional > 24) return 'too many optional parameters.';
  if (counts.unions > 16) return 'too many union parameters.';
  return refers.some((ref) => isCircular(schema, ref)) ? 'circular references are not supported.' : undefined;
}

function isCircular(schema: Node, ref: string): boolean {
  const target = /"\$ref":"([^"]*)"/.exec(ref)?.[1] ?? '';
  if (target === '#') return true;
  const definition = ((schema.$defs ?? {}) as Node)[target.replace('#/$defs/', '')];
  return JSON.stringify(definition ?? '').includes(ref);
}

/** What Anthropic refuses in the input schema of a tool. */
export function toolRefusal(schema: Node): string | undefined {
  if (schema.type !== 'object') return "input_schema: type must be 'object'.";
  if (['oneOf', 'anyOf', 'allOf'].some((keyword) => keyword in schema))
    return 'input_schema does not support oneOf, allOf, or anyOf at the top level.';
  return firstFault(schema, ({ items }) =>
    Array.isArray(items) ? 'JSON schema is invalid. It must match JSON Schema draft 2020-12.' : undefined,
  );
}
