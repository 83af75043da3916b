// Covers: src/batch/write-jsonl.ts, src/files/partial-file.ts
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readJsonl, writeJsonl } from '../../src/batch/index.js';
import { rejection } from '../behaviour/scripted-agents.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-write-jsonl-'));
  path = join(folder, 'results.jsonl');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('writeJsonl', () => {
  test('writes a value a line, which readJsonl gives back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), async (values) => {
        const out = writeJsonl(path);
        for (const value of values) await out.write(value);
        await out.close();
        expect(out.written).toBe(values.length);
        const read: unknown[] = [];
        for await (const value of readJsonl(path)) read.push(value);
        expect(read).toEqual(JSON.parse(JSON.stringify(values)));
      }),
      { numRuns: 30 },
    );
  });

  test('shows the old file until close() has finished, then the whole new one and nothing beside it', async () => {
    await writeFile(path, 'old\n');
    const out = writeJsonl(path);
    await out.write('x'.repeat(200_000));
    expect(await readFile(path, 'utf8')).toBe('old\n');
    expect(await readdir(folder)).toEqual(['results.jsonl', 'results.jsonl.partial']);
    await out.close();
    await out.close();
    expect((await readFile(path, 'utf8')).length).toBe(200_003);
    expect(await readdir(folder)).toEqual(['results.jsonl']);
  });

  test('writes an empty file when nothing was written, and creates its folder', async () => {
    const deep = join(folder, 'a', 'b', 'empty.jsonl');
    await writeJsonl(deep).close();
    expect(await readFile(deep, 'utf8')).toBe('');
  });

  test('leaves the path as it was when its block is left before close()', async () => {
    await writeFile(path, 'old\n');
    const failing = async (): Promise<void> => {
      await using out = writeJsonl(path);
      await out.write('x'.repeat(200_000));
      throw new Error('half way');
    };
    await expect(failing()).rejects.toThrow('half way');
    expect(await readFile(path, 'utf8')).toBe('old\n');
    expect(await readdir(folder)).toEqual(['results.jsonl']);
  });

  test('replaces what a killed process left behind', async () => {
    await writeFile(`${path}.partial`, 'half a li');
    const out = writeJsonl(path);
    await out.write(1);
    await out.close();
    expect(await readFile(path, 'utf8')).toBe('1\n');
  });

  test('lets only the latest of two writers finish, and mixes nothing', async () => {
    const [first, second] = [writeJsonl(path), writeJsonl(path)];
    await first.write('a'.repeat(100_000));
    await second.write('b'.repeat(100_000));
    expect((await rejection(first.close())).message).toContain('another writer has begun to write this file');
    await second.close();
    expect(new Set(await readFile(path, 'utf8'))).toEqual(new Set(['"', 'b', '\n']));
  });

  test('follows a symbolic link and keeps the permissions of the file that is there', async () => {
    const target = join(folder, 'target.jsonl');
    await writeFile(target, 'old\n');
    await chmod(target, 0o600);
    await symlink(target, path);
    const out = writeJsonl(path);
    await out.write(1);
    await out.close();
    expect(await readFile(target, 'utf8')).toBe('1\n');
    expect((await stat(target)).mode & 0o777).toBe(0o600);
  });

  test('does not replace a folder or a device', async () => {
    await mkdir(path);
    const error = await rejection(writeJsonl(path).close());
    expect(error).toMatchObject({ code: 'TUTTI_JSONL_FILE', file: path });
    expect(error.message).toContain('expected a regular file');
    expect((await rejection(writeJsonl('/dev/null').close())).message).toContain('expected a regular file');
  });

  test('holds a caller that waits back while the disk is busy', async () => {
    const out = writeJsonl(path);
    let settled = false;
    const big = out.write('x'.repeat(1_000_000)).then(() => {
      settled = true;
    });
    await Promise.resolve();
    expect(settled).toBe(false);
    await big;
    expect((await stat(`${path}.partial`)).size).toBe(1_000_003);
    await out.close();
  });

  test('fails every later call when the disk fails, also for a caller that never waits', async () => {
    await writeFile(join(folder, 'file'), '');
    const out = writeJsonl(join(folder, 'file', 'below.jsonl'));
    for (let each = 0; each < 5; each += 1) void out.write('x'.repeat(100_000));
    const error = await rejection(out.close());
    expect(error).toMatchObject({ code: 'TUTTI_JSONL_FILE', cause: expect.anything() });
    expect(await readdir(folder)).toEqual(['file']);
  });

  test('throws at once for what is no JSON, and after close()', async () => {
    const out = writeJsonl(path);
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(() => out.write(undefined)).toThrow('value: expected a JSON value; got undefined');
    expect(() => out.write(1n)).toThrow('value: expected a JSON value');
    expect(() => out.write(loop)).toThrow('value: expected a JSON value');
    await out.write('fine');
    await out.close();
    expect(() => out.write(1)).toThrow('closed');
    expect(await readFile(path, 'utf8')).toBe('"fine"\n');
    expect(() => writeJsonl('')).toThrow('path: expected a non-empty string');
  });
});
