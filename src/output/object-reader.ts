import type { OutputSchema } from '../contracts/output-schema.js';
import { describedSchema } from './described-schema.js';
import { fitPartial } from './fit-partial.js';
import { isZodSchema, jsonSchemaWriter } from './json-schema.js';
import { readPartialJson } from './partial-json.js';
import { splitReasoning } from './reasoning-text.js';

/** An answer is read again when it has grown by this part of itself, so that reading it stays linear. */
const GROWTH = 1 / 32;
/** Longer answers, in characters, are read again after a larger part. */
const LONG = 5_000;
const GROWTH_OF_LONG = 1 / 8;

type JsonSchema = Readonly<Record<string, unknown>>;

const schemas = new WeakMap<OutputSchema, JsonSchema | undefined>();

/** Reads the value in an answer while the answer grows. */
export class ObjectReader {
  readonly #schema: JsonSchema | undefined;
  #text = '';
  #readLength = 0;
  #last = '';

  constructor(schema: OutputSchema) {
    this.#schema = schemaOf(schema);
  }

  /** Adds a piece of the answer; returns the value so far if there is more of it than before. */
  add(piece: string): unknown {
    this.#text += piece;
    const growth = this.#readLength < LONG ? GROWTH : GROWTH_OF_LONG;
    const isDue = this.#text.length - this.#readLength >= this.#readLength * growth;
    return isDue ? this.#read() : undefined;
  }

  /** The answer has ended: returns its value if that was not returned yet. */
  end(): unknown {
    return this.#readLength === this.#text.length ? undefined : this.#read();
  }

  #read(): unknown {
    this.#readLength = this.#text.length;
    const partial = this.#schema === undefined ? undefined : readPartialJson(this.#json());
    const value = partial && fitPartial(partial, this.#schema as JsonSchema);
    if (value === undefined) return undefined;
    const text = JSON.stringify(value);
    if (text === this.#last) return undefined;
    this.#last = text;
    return value;
  }

  /** From the first bracket that may open the answer: models write text and fences in front of it. */
  #json(): string {
    const { text } = splitReasoning(this.#text);
    const type = this.#schema?.type;
    const start = text.search(type === 'object' ? /\{/ : type === 'array' ? /\[/ : /[[{]/);
    return start === -1 ? '' : text.slice(start);
  }
}

/** `undefined` if no JSON Schema says what fits. */
function schemaOf(schema: OutputSchema): JsonSchema | undefined {
  if (schemas.has(schema)) return schemas.get(schema);
  let json: JsonSchema | undefined;
  try {
    json = isZodSchema(schema) ? describedSchema(schema, jsonSchemaWriter.loaded) : undefined;
  } catch {
    json = undefined;
  }
  schemas.set(schema, json);
  return json;
}
