import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import type { OutputSchema } from '../contracts/output-schema.js';
import { messageOf } from '../errors/foreign.js';
import { JsonlFileError } from '../errors/jsonl-file-error.js';
import { expectText, mismatch } from '../input/checks.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count } from '../input/number-schemas.js';
import { optionsObject, thing } from '../input/option-schemas.js';
import { parseOptions } from '../input/parse-options.js';
import { optional, withDefault } from '../input/schema.js';
import { describeIssues } from '../output/describe-issues.js';

/** Settings of {@link readJsonl}. */
export interface ReadJsonlOptions<Value = unknown> {
  /** Schema of each line's value, for instance of zod: a line that does not match is an error. @default none */
  schema?: OutputSchema<Value> | undefined;
  /** Longest line, in bytes, at least 1: a longer one is an error, so that no file fills the memory. @default 16_777_216 */
  maxLineBytes?: number | undefined;
}

const readJsonlSchema = madeOnce(() =>
  optionsObject({
    schema: optional(thing<OutputSchema>(hasMethods('safeParse'), 'a zod schema')),
    maxLineBytes: withDefault(count(1), 16_777_216),
  }),
);

/**
 * Reads a file of JSON lines: one value a line, in order; empty lines are left out. The file is opened when the first
 * value is asked for and read as fast as values are taken, so its size does not matter. Leaving the loop closes it.
 *
 * The generator throws a {@link JsonlFileError}, with the number of the line, if the file cannot be read, or if a line
 * is not JSON, does not match the schema or is too long.
 *
 * @example
 * ```ts
 * for await (const ticket of readJsonl('tickets.jsonl')) console.log(ticket);
 * ```
 *
 * @throws `InvalidArgumentError` for an invalid path or option.
 */
export function readJsonl<Value = unknown>(
  path: string,
  options: ReadJsonlOptions<Value> = {},
): AsyncGenerator<Value, void, undefined> {
  const wrong = expectText(path);
  if (wrong !== undefined) throw mismatch('path', wrong, path);
  const { schema, maxLineBytes } = parseOptions(readJsonlSchema(), options, 'readJsonl options');
  return readValues(path, schema, maxLineBytes) as AsyncGenerator<Value, void, undefined>;
}

async function* readValues(
  path: string,
  schema: OutputSchema | undefined,
  maxLineBytes: number,
): AsyncGenerator<unknown, void, undefined> {
  let line = 0;
  for await (const bytes of linesOf(path, maxLineBytes)) {
    line += 1;
    const text = textOf(bytes, path, line);
    if (text === '') continue;
    const value = parseLine(text, path, line);
    yield schema === undefined ? value : matching(value, schema, path, line);
  }
}

const LINE_FEED = 0x0a;

/** The lines of a file, without their ends. */
async function* linesOf(path: string, maxLineBytes: number): AsyncGenerator<Buffer, void, undefined> {
  let line = 1;
  let begun: Buffer[] = [];
  let begunBytes = 0;
  const add = (piece: Buffer): void => {
    begunBytes += piece.length;
    if (begunBytes > maxLineBytes) {
      const problem = `the line is longer than maxLineBytes (${maxLineBytes}); raise it if such long lines are expected.`;
      throw new JsonlFileError(path, line, problem);
    }
    begun.push(piece);
  };
  const finish = (): Buffer => {
    const whole = begun.length === 1 ? (begun[0] as Buffer) : Buffer.concat(begun, begunBytes);
    begun = [];
    begunBytes = 0;
    line += 1;
    return whole;
  };
  for await (const chunk of chunksOf(path)) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      add(chunk.subarray(start, end));
      start = end + 1;
      yield finish();
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  if (begunBytes > 0) yield finish();
}

async function* chunksOf(path: string): AsyncGenerator<Buffer, void, undefined> {
  const stream = createReadStream(path);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (cause) {
    throw new JsonlFileError(path, undefined, `it cannot be read: ${messageOf(cause)}.`, { cause });
  }
}

const BYTE_ORDER_MARK = /^\uFEFF/;

function textOf(bytes: Buffer, path: string, line: number): string {
  if (!isUtf8(bytes)) throw new JsonlFileError(path, line, 'expected UTF-8; got other bytes.');
  const text = bytes.toString('utf8').trim();
  return line === 1 ? text.replace(BYTE_ORDER_MARK, '').trim() : text;
}

function parseLine(text: string, path: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not with its cause: the engine's message quotes the line, which may hold anything.
    const problem = `expected a JSON value; got ${text.length} characters that are none.`;
    throw new JsonlFileError(path, line, problem);
  }
}

function matching(value: unknown, schema: OutputSchema, path: string, line: number): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new JsonlFileError(
    path,
    line,
    `the value does not match the schema: ${describeIssues(parsed.error)}.`,
  );
}
