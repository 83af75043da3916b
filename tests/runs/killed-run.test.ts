import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AgentResult } from '../../src/index.js';
import { type CompiledSource, compileSource } from '../helpers/compiled-source.js';

const TASKS = 1_000;
const MAX_CONCURRENT = 8;
let root: string;
let source: CompiledSource;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-killed-'));
  const rooms = (await readdir('src', { withFileTypes: true })).filter((entry) => entry.isDirectory());
  source = await compileSource(rooms.map(({ name }) => name));
});
afterAll(async () => {
  await source.remove();
  await rm(root, { recursive: true, force: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
}

function start(directory: string, kind: string): Running {
  const script = resolve('tests/helpers/run-child.mjs');
  const child = spawn(process.execPath, [script, source.directory, directory, kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return { child, output: () => output };
}

/** Kills the process once so many tasks have settled, recorded ones included. */
async function killAfter({ child, output }: Running, settled: number): Promise<void> {
  const closed = once(child, 'close');
  while (Number(output().split('\n').at(-2) ?? 0) < settled) {
    await once(child.stdout as NodeJS.ReadableStream, 'data');
  }
  child.kill('SIGKILL');
  await closed;
  expect(child.signalCode).toBe('SIGKILL');
}

/** Three moments in the run's course, in order, the same for the same seed. */
function moments(seed: number): number[] {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return [0, 1, 2].map((third) => 50 + third * 300 + Math.floor(next() * 250)).sort((a, b) => a - b);
}

describe.each([
  ['array', 20_261_120],
  ['async', 4_711],
])('a run over an %s source that is killed three times', (kind, seed) => {
  test('gives every result in order in the end, and runs again only what had not finished', async () => {
    const directory = await mkdtemp(join(root, 'run-'));
    for (const moment of moments(seed)) await killAfter(start(directory, kind), moment);
    const last = start(directory, kind);
    const [code] = (await once(last.child, 'close')) as [number];
    expect(code).toBe(0);

    const results = JSON.parse(last.output().split('\n').at(-2) as string) as AgentResult[];
    expect(results.map(({ success, output }) => ({ success, output }))).toEqual(
      Array.from({ length: TASKS }, (_none, index) => ({ success: true, output: `done ${index}` })),
    );
    const executed = (await readFile(join(directory, 'executed.log'), 'utf8')).trimEnd().split('\n');
    expect(new Set(executed).size).toBe(TASKS);
    // What was under way, or not yet on disk, when the process was killed: never more than may run at once.
    expect(executed.length - TASKS).toBeLessThanOrEqual(3 * MAX_CONCURRENT);
  }, 30_000);
});
