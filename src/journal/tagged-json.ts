/** How deep arrays, objects, maps and sets may nest. */
const MAX_DEPTH = 500;
/** How many values there may be in all: what is shared is written once for each place it is in. */
const MAX_VALUES = 1_000_000;
/** The one key of an object that stands for something else. */
const TAG = '$';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const BYTE_ARRAYS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
};
type ByteArrayName = keyof typeof BYTE_ARRAYS;

/**
 * A value as JSON can say it, including `undefined`, numbers that are not finite, BigInt, dates, maps, sets and typed
 * arrays. Each of these becomes an object with the one key `$`, which names the kind; reading it back creates nothing
 * else, and nothing larger than its text.
 *
 * @throws for anything else: functions, symbols, instances of other classes, and what contains itself.
 */
export function toTagged(value: unknown): Json {
  return new Tagger().tag(value);
}

class Tagger {
  readonly #ancestors: object[] = [];
  #values = 0;

  tag(value: unknown): Json {
    this.#values += 1;
    if (this.#values > MAX_VALUES) throw new TypeError('too many values');
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0) ? value : tagged('number', numberText(value));
      case 'bigint':
        return tagged('bigint', value < 0n ? `-${(-value).toString(16)}` : value.toString(16));
      case 'undefined':
        return tagged('undefined', null);
      case 'object':
        return value === null ? null : this.#tagObject(value);
      default:
        throw new TypeError(`a ${typeof value}`);
    }
  }

  #tagObject(object: object): Json {
    if (this.#ancestors.length >= MAX_DEPTH || this.#ancestors.includes(object)) {
      throw new TypeError('an object that contains itself');
    }
    this.#ancestors.push(object);
    try {
      return this.#tagContents(object);
    } finally {
      this.#ancestors.pop();
    }
  }

  #tagContents(object: object): Json {
    // By their brand, not by their class: they may come from another realm.
    const brand = Object.prototype.toString.call(object).slice(8, -1);
    if (Array.isArray(object)) return this.#tagAll(object);
    if (ArrayBuffer.isView(object)) return tagged(brand, base64Of(object, brand));
    if (brand === 'Date') return tagged('Date', numberText((object as Date).getTime()));
    if (brand === 'Map') return tagged('Map', this.#tagAll([...(object as Map<unknown, unknown>)]));
    if (brand === 'Set') return tagged('Set', this.#tagAll([...(object as Set<unknown>)]));
    if (brand !== 'Object' || !isPlain(object)) throw new TypeError('an instance of a class');
    const entries = Object.entries(object).map(([key, value]) => [key, this.tag(value)] as const);
    const plain = Object.fromEntries(entries);
    return Object.hasOwn(plain, TAG) ? tagged('Object', plain) : plain;
  }

  #tagAll(values: readonly unknown[]): Json[] {
    if (values.length > MAX_VALUES) throw new TypeError('too many values');
    return Array.from(values, (value) => this.tag(value));
  }
}

/**
 * The value that {@link toTagged} made JSON of.
 *
 * @throws when it is of a kind that is not known here.
 */
export function fromTagged(json: Json): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(fromTagged);
  const record = json as { readonly [key: string]: Json };
  if (Object.hasOwn(record, TAG)) return untag(record[TAG] as readonly [string, Json]);
  return untagEntries(record);
}

function untag([kind, content]: readonly [string, Json]): unknown {
  switch (kind) {
    case 'undefined':
      return undefined;
    case 'number':
      return Number(content);
    case 'bigint':
      return bigIntOf(content as string);
    case 'Date':
      return new Date(Number(content));
    case 'Map':
      return new Map(fromTagged(content) as Array<[unknown, unknown]>);
    case 'Set':
      return new Set(fromTagged(content) as unknown[]);
    case 'Object':
      return untagEntries(content as { readonly [key: string]: Json });
    default:
      return byteArrayOf(kind, content as string);
  }
}

function untagEntries(record: { readonly [key: string]: Json }): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, fromTagged(value)]));
}

function tagged(kind: string, content: Json): Json {
  return { [TAG]: [kind, content] };
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

// Hexadecimal: reading decimal digits takes a time that grows with the square of their number.
function bigIntOf(text: string): bigint {
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

function base64Of({ buffer, byteOffset, byteLength }: ArrayBufferView, brand: string): string {
  if (!Object.hasOwn(BYTE_ARRAYS, brand)) throw new TypeError(`a ${brand}`);
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

function byteArrayOf(kind: string, text: string): ArrayBufferView {
  if (!Object.hasOwn(BYTE_ARRAYS, kind)) throw new TypeError(`a value of the kind ${kind}`);
  // Copied, so that the array has its memory to itself and begins where its elements may.
  const { buffer } = Uint8Array.from(Buffer.from(text, 'base64'));
  return new BYTE_ARRAYS[kind as ByteArrayName](buffer);
}

/** Plain in this realm or another one. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  const isObject = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isObject && Object.getOwnPropertySymbols(object).length === 0;
}
