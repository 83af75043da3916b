// Covers: src/batch/read-jsonl.ts, src/errors/jsonl-file-error.ts
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { type JsonlFileError, type ReadJsonlOptions, readJsonl } from '../../src/batch/index.js';
import { AsyncOrchestrator } from '../../src/index.js';
import { rejection } from '../behaviour/scripted-agents.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-read-jsonl-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const path = (name = 'lines.jsonl'): string => join(folder, name);

async function readAll(content: string | Uint8Array, options: ReadJsonlOptions = {}): Promise<unknown[]> {
  await writeFile(path(), content);
  const values: unknown[] = [];
  for await (const value of readJsonl(path(), options)) values.push(value);
  return values;
}

async function errorOf(
  content: string | Uint8Array,
  options: ReadJsonlOptions = {},
): Promise<JsonlFileError> {
  return (await rejection(readAll(content, options))) as JsonlFileError;
}

/** Files below the test's folder that this process has open. Linux shows them. */
async function openFiles(): Promise<string[]> {
  const descriptors = await readdir('/proc/self/fd');
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(folder));
}

describe('readJsonl', () => {
  test('gives the value of each line in order, without empty lines, whatever ends the lines', async () => {
    expect(await readAll('{"a":1}\n\n[2]\r\n  \n"three"\nnull\n4')).toEqual([
      { a: 1 },
      [2],
      'three',
      null,
      4,
    ]);
    expect(await readAll('\uFEFF{"mark":true}\n')).toEqual([{ mark: true }]);
    expect(await readAll('')).toEqual([]);
  });

  test('gives back any JSON values that were written as lines', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), async (values) => {
        const lines = values.map((value) => `${JSON.stringify(value)}\n`).join('');
        expect(await readAll(lines)).toEqual(JSON.parse(JSON.stringify(values)));
      }),
      { numRuns: 50 },
    );
  });

  test('joins lines and characters that lie across the pieces in which the file is read', async () => {
    const long = 'ä€😀'.repeat(20_000);
    const values = [long, 'short', `x${long}`, `xy${long}`];
    expect(await readAll(values.map((value) => JSON.stringify(value)).join('\n'))).toEqual(values);
  });

  test('names the line that is not JSON, without quoting it', async () => {
    const error = await errorOf('{"id":1}\n\nsecret text\n');
    expect(error).toMatchObject({ code: 'TUTTI_JSONL_FILE', file: path(), line: 3, retryable: false });
    expect(error.message).toBe(`${path()}:3: expected a JSON value; got 11 characters that are none.`);
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  test('names a line that is no UTF-8, or longer than maxLineBytes', async () => {
    expect((await errorOf(Buffer.from([0x22, 0xff, 0x22]))).message).toContain(':1: expected UTF-8');
    const error = await errorOf(`1\n"${'x'.repeat(100)}"\n`, { maxLineBytes: 50 });
    expect(error.message).toContain(':2: the line is longer than maxLineBytes (50)');
    expect(await readAll(`"${'x'.repeat(48)}"\n`, { maxLineBytes: 50 })).toHaveLength(1);
  });

  test('checks each value against a schema and gives what the schema makes of it', async () => {
    const schema = z.object({ id: z.number(), title: z.string().default('none') });
    expect(await readAll('{"id":1}\n{"id":2,"title":"b"}', { schema })).toEqual([
      { id: 1, title: 'none' },
      { id: 2, title: 'b' },
    ]);
    const { line, message } = await errorOf('{"id":1}\n{"id":"two"}', { schema });
    expect([line, message]).toEqual([2, expect.stringContaining('does not match the schema: id: ')]);
  });

  test('opens nothing until the first value is asked for, and reads a missing file as a typed error', async () => {
    const values = readJsonl(path('missing.jsonl'));
    const error = (await rejection(values.next())) as JsonlFileError;
    expect(error).toMatchObject({ code: 'TUTTI_JSONL_FILE', line: undefined });
    expect(error.message).toContain('missing.jsonl: it cannot be read: ENOENT');
  });

  test('closes the file when the loop is left', async () => {
    await writeFile(path(), '1\n'.repeat(100_000));
    for await (const _value of readJsonl(path())) {
      expect(await openFiles()).toEqual([path()]);
      break;
    }
    expect(await openFiles()).toEqual([]);
  });

  test('is read by a run no faster than the run needs tasks', async () => {
    await writeFile(path(), Array.from({ length: 50_000 }, (_none, id) => `{"id":${id}}\n`).join(''));
    let read = 0;
    async function* tasks() {
      for await (const { id } of readJsonl<{ id: number }>(path())) {
        read += 1;
        yield ['echo', String(id)] as const;
      }
    }
    await using orchestrator = new AsyncOrchestrator({ agents: { echo: (task) => task }, maxConcurrent: 4 });
    for await (const { index } of orchestrator.executeEach(tasks())) if (index === 100) break;
    expect(read).toBeLessThan(120);
  });

  test('rejects a wrong path or option by its name', () => {
    expect(() => readJsonl('')).toThrow('path: expected a non-empty string');
    expect(() => readJsonl('x', { maxLineByte: 1 } as ReadJsonlOptions)).toThrow('maxLineBytes');
    expect(() => readJsonl('x', { schema: {} } as never)).toThrow('schema: expected a zod schema');
  });
});
