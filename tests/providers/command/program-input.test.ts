import { existsSync } from 'node:fs';
import { mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TaskContent } from '../../../src/contracts/task-content.js';
import { AsyncOrchestrator } from '../../../src/orchestrator/async-orchestrator.js';
import type { CommandOptions } from '../../../src/providers/command/command-options.js';
import { command } from '../../../src/providers/command/command-provider.js';
import { png } from '../../content/sample-files.js';
import { rejection } from '../provider-request.js';

let folder: string;
let paper: { path: string };
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tutti-program-input-')));
  paper = { path: join(folder, '-paper.txt') };
  await writeFile(paper.path, 'from a path');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Prints its arguments with what the files among them hold, and its standard input. */
const SHOW = `
import { existsSync, readFileSync } from 'node:fs';
const args = process.argv.slice(2).map((arg) => (existsSync(arg) ? [arg, readFileSync(arg, 'base64')] : arg));
let input = '';
for await (const chunk of process.stdin) input += chunk.toString('latin1');
console.log(JSON.stringify({ args, input }));
`;

interface Shown {
  args: Array<string | [path: string, base64: string]>;
  input: string;
}

async function run(options: Partial<CommandOptions>, task: TaskContent): Promise<Shown> {
  const script = join(folder, 'show.mjs');
  await writeFile(script, SHOW);
  const agent = command({ file: process.execPath, ...options, args: [script, ...(options.args ?? [])] });
  await using orchestrator = new AsyncOrchestrator({ agents: { agent } });
  return JSON.parse((await orchestrator.execute('agent', task)).output) as Shown;
}

const picture = { data: png(), mediaType: 'image/png', name: '../-my photo.png' };
const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64');

describe('a program', () => {
  test.each([
    [
      'as arguments, the task on standard input',
      { files: 'arguments' },
      { before: ['-x'], after: [], input: 'what?' },
    ],
    [
      'and task as arguments',
      { files: 'arguments', input: 'argument' },
      { before: ['-x'], after: ['what?'], input: '' },
    ],
  ] as const)('gets files %s', async (_how, options, { before, after, input }) => {
    const shown = await run({ ...options, args: ['-x'] }, { text: 'what?', files: [paper, picture] });
    expect(shown.input).toBe(input);
    const [first, given, written, ...rest] = shown.args;
    expect([first]).toEqual(before);
    expect(rest).toEqual(after);
    expect(given).toEqual([paper.path, base64('from a path')]);
    expect(written?.[1]).toBe(base64(png()));
    // Its name may hold anything; the copy is in a folder of its own, which is gone now.
    expect(written?.[0]).toMatch(/^\/.*\/tutti-files-[^/]+\/1\/[^/ ]*my_photo\.png$/);
    expect(existsSync(String(written?.[0]))).toBe(false);
  });

  test.each([
    ['behind the task', {}, { text: 'what?' }, 'what?\n'],
    ['alone if there is no text', {}, {}, ''],
    ['alone if the task is an argument', { input: 'argument' }, { text: 'what?' }, ''],
  ] as const)('gets files on standard input %s', async (_how, options, task, start) => {
    const shown = await run({ files: 'stdin', ...options }, { ...task, files: [paper, picture] });
    expect(shown.input).toBe(`${start}from a path${Buffer.from(png()).toString('latin1')}`);
    expect(shown.args).toEqual('input' in options ? ['what?'] : []);
  });

  test('leaves no copy of a file behind when it fails', async () => {
    const copies = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('tutti-files-'));
    const before = await copies();
    const agent = command({
      file: process.execPath,
      args: ['-e', 'process.exit(3)', '--'],
      files: 'arguments',
    });
    await using orchestrator = new AsyncOrchestrator({ agents: { agent } });
    expect(await rejection(orchestrator.execute('agent', { files: [picture] }))).toMatchObject({
      code: 'TUTTI_PROVIDER_RESPONSE',
    });
    expect((await copies()).filter((name) => !before.includes(name))).toEqual([]);
  });

  test.each([
    ['files without the option', {}, { files: [picture] }, 'task.files[0]'],
    [
      'a conversation',
      { files: 'stdin' },
      { messages: [{ role: 'assistant', content: 'a' }], text: 'b' },
      'task.messages',
    ],
  ] as const)('is not started for %s', async (_what, options, task, field) => {
    const outcome = rejection(run(options as Partial<CommandOptions>, task as TaskContent));
    expect(await outcome).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT', field });
  });

  test('is refused with an unknown way to pass files', () => {
    expect(() => command({ file: 'cat', files: 'args' as never })).toThrow(
      'files must be "arguments" or "stdin"',
    );
  });
});
