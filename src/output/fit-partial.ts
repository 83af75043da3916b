import type { PartialJson } from './partial-json.js';

type JsonSchema = Readonly<Record<string, unknown>>;

/** What does not match its schema, or does not yet. */
const MISMATCH = Symbol('does not match the schema');

/**
 * The parts of an incomplete value that fit the shape of a JSON Schema: others are left out until they do. `undefined` if
 * the value as a whole has another shape.
 */
export function fitPartial(
  { value, openContainers, isStringOpen }: PartialJson,
  schema: JsonSchema,
): unknown {
  const fitter = new Fitter(schema, openContainers, isStringOpen);
  const fit = fitter.fit(value, schema, 0);
  return fit === MISMATCH ? undefined : fit;
}

class Fitter {
  readonly #root: JsonSchema;
  readonly #open: number;
  readonly #isStringOpen: boolean;

  constructor(root: JsonSchema, open: number, isStringOpen: boolean) {
    this.#root = root;
    this.#open = open;
    this.#isStringOpen = isStringOpen;
  }

  /**
   * @param level How many containers are around the value, if all of them are open; -1 for a complete value.
   * @param isBranch Whether it is compared with one branch of a union, which every complete part must match.
   */
  fit(value: unknown, given: unknown, level: number, isBranch = false): unknown {
    const schema = this.#resolve(given);
    if (schema === undefined) return value;
    const { anyOf, oneOf, allOf } = schema;
    const branches = anyOf ?? oneOf;
    if (Array.isArray(branches)) return this.#fitOne(value, branches, level);
    if (Array.isArray(allOf)) return this.#fitAll(value, allOf, level, isBranch);
    if (!hasType(value, schema.type)) return MISMATCH;
    if (Array.isArray(value)) return this.#fitItems(value, schema, level, isBranch);
    if (isObject(value)) return this.#fitProperties(value, schema, level, isBranch);
    return this.#fitScalar(value, schema, level);
  }

  #resolve(schema: unknown): JsonSchema | undefined {
    let current = schema;
    for (let hops = 0; hops < 20 && isObject(current); hops += 1) {
      const { $ref } = current;
      if (typeof $ref !== 'string') return current;
      const name = /^#\/(?:\$defs|definitions)\/(.+)$/.exec($ref)?.[1];
      const definitions = (this.#root.$defs ?? this.#root.definitions) as JsonSchema | undefined;
      current = $ref === '#' ? this.#root : definitions?.[decodeURIComponent(name ?? '')];
    }
    return undefined;
  }

  #fitOne(value: unknown, branches: readonly unknown[], level: number): unknown {
    for (const branch of branches) {
      const fit = this.fit(value, branch, level, true);
      if (fit !== MISMATCH) return fit;
    }
    return MISMATCH;
  }

  #fitAll(value: unknown, parts: readonly unknown[], level: number, isBranch: boolean): unknown {
    const fits = parts.map((part) => this.fit(value, part, level, isBranch));
    if (fits.includes(MISMATCH)) return MISMATCH;
    return fits.every(isObject) ? Object.assign({}, ...fits) : fits[0];
  }

  #fitScalar(value: unknown, schema: JsonSchema, level: number): unknown {
    const isOpen = typeof value === 'string' && this.#isStringOpen && level === this.#open;
    const { enum: values, format } = schema;
    // Half of a name or date is neither.
    if (isOpen && ('const' in schema || values !== undefined || format !== undefined)) return MISMATCH;
    if ('const' in schema && schema.const !== value) return MISMATCH;
    return Array.isArray(values) && !values.includes(value) ? MISMATCH : value;
  }

  #fitItems(items: readonly unknown[], schema: JsonSchema, level: number, isBranch: boolean): unknown {
    const places = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
    const fits: unknown[] = [];
    for (const [index, item] of items.entries()) {
      const isLast = index === items.length - 1;
      const fit = this.fit(item, places[index] ?? schema.items, this.#levelOf(level, isLast), isBranch);
      if (fit === MISMATCH) return isBranch && !this.#isOpenAt(level, isLast) ? MISMATCH : fits;
      fits.push(fit);
    }
    return fits;
  }

  #fitProperties(object: JsonSchema, schema: JsonSchema, level: number, isBranch: boolean): unknown {
    const fits: Array<[string, unknown]> = [];
    const entries = Object.entries(object);
    for (const [place, [name, value]] of entries.entries()) {
      const isLast = place === entries.length - 1;
      const property = propertyOf(schema, name);
      if (property === false) continue;
      const fit = this.fit(value, property, this.#levelOf(level, isLast), isBranch);
      if (fit !== MISMATCH) fits.push([name, fit]);
      else if (isBranch && !this.#isOpenAt(level, isLast)) return MISMATCH;
    }
    return Object.fromEntries(fits);
  }

  /** The level of an entry: only the last one of an open container may be open itself. */
  #levelOf(level: number, isLast: boolean): number {
    return this.#isOpenAt(level, isLast) ? level + 1 : -1;
  }

  #isOpenAt(level: number, isLast: boolean): boolean {
    return (
      isLast && level >= 0 && (level + 1 < this.#open || (level + 1 === this.#open && this.#isStringOpen))
    );
  }
}

/** The schema of a property; `false` if the answer is read without it. */
function propertyOf(schema: JsonSchema, name: string): unknown {
  const { properties, additionalProperties } = schema;
  if (isObject(properties) && Object.hasOwn(properties, name)) return properties[name];
  if (additionalProperties === undefined) return isObject(properties) ? false : undefined;
  return additionalProperties === false ? false : additionalProperties;
}

function hasType(value: unknown, type: unknown): boolean {
  if (type === undefined) return true;
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  if (value === null) return types.includes('null');
  if (Array.isArray(value)) return types.includes('array');
  if (typeof value === 'number' && types.includes('integer'))
    return types.includes('number') || Number.isInteger(value);
  return types.includes(typeof value);
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
