import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type AgentResult, AsyncOrchestrator } from '../../../src/index.js';
import { inBuild } from '../../processes/current-build.js';

const TASKS = 1_000;
const MAX_CONCURRENT = 8;
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-killed-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
}

function start(directory: string, kind: string): Running {
  return startScript('run-child.mjs', directory, kind);
}

function startScript(name: string, directory: string, ...args: string[]): Running {
  const script = resolve('tests/processes', name);
  const child = spawn(process.execPath, [script, inBuild('dist'), directory, ...args], {
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

describe('a run with a budget that is killed', () => {
  const BUDGET_USD = 0.5;
  const COST_USD = 0.008;
  const WORST_USD = 0.01;
  const AT_ONCE = 4;

  const executedIn = async (directory: string): Promise<string[]> =>
    (await readFile(join(directory, 'executed.log'), 'utf8')).trimEnd().split('\n');

  /** Runs it to its end, here. Gives each task's output, or the code of its error. */
  async function finish(directory: string, usd: number): Promise<string[]> {
    const worker = async (task: string) => {
      await appendFile(join(directory, 'executed.log'), `${task}\n`);
      return { output: `done ${task}`, usage: { inputTokens: 1, outputTokens: 2 }, costUsd: COST_USD };
    };
    await using orchestrator = new AsyncOrchestrator({
      maxConcurrent: AT_ONCE,
      agents: [{ name: 'worker', maxCostUsd: WORST_USD, run: worker }],
    });
    const tasks = Array.from({ length: 100 }, (_none, index): [string, string] => ['worker', String(index)]);
    const results = await orchestrator.executeMultiple(tasks, {
      runId: 'on a budget',
      directory,
      budget: { usd },
    });
    return results.map((result) => (result.success ? result.output : result.error.code));
  }

  /** Calls at once are refused for what others only may spend; again until really nothing is left. */
  async function finishForGood(directory: string, usd: number): Promise<string[]> {
    const ends = await finish(directory, usd);
    const again = await finish(directory, usd);
    return answered(again) === answered(ends) ? ends : await finishForGood(directory, usd);
  }

  const answered = (ends: readonly string[]): number => ends.filter((end) => end.startsWith('done')).length;

  test('goes on with what is left of it, charges nothing twice, and never has more spent', async () => {
    const directory = await mkdtemp(join(root, 'budget-'));
    await killAfter(startScript('budget-child.mjs', directory, String(BUDGET_USD), 'none'), 20);
    const ends = await finishForGood(directory, BUDGET_USD);
    const executed = await executedIn(directory);
    expect(executed.length * COST_USD).toBeLessThanOrEqual(BUDGET_USD);
    expect(new Set(ends.filter((end) => !end.startsWith('done')))).toEqual(
      new Set(['TUTTI_BUDGET_EXCEEDED']),
    );
    // What was under way when it was killed, and what could have begun meanwhile, counts at its worst; the rest is used.
    const notSpent = BUDGET_USD - answered(ends) * COST_USD;
    expect(notSpent).toBeLessThanOrEqual(2 * AT_ONCE * WORST_USD + WORST_USD);

    // Once it has ended in order nothing is charged again: with more to spend it goes on from there.
    const more = await finish(directory, BUDGET_USD + 5 * WORST_USD);
    const begun = (await executedIn(directory)).length - executed.length;
    expect(begun).toBeGreaterThanOrEqual(5);
    expect(answered(more)).toBe(answered(ends) + begun);
  }, 30_000);

  test('counts what was under way when it was killed as spent', async () => {
    const directory = await mkdtemp(join(root, 'budget-'));
    // The first task never ends, and is under way when the process is killed.
    const hanging = startScript('budget-child.mjs', directory, '0.03', '0');
    while ((await executedIn(directory).catch(() => [])).length < 1)
      await new Promise((r) => setTimeout(r, 5));
    // Everything else that the budget allows has ended: 0.01 is reserved, and the others wait for that.
    while (Number(hanging.output().split('\n').at(-2) ?? 0) < 2) {
      await once(hanging.child.stdout as NodeJS.ReadableStream, 'data');
    }
    await killAfter(hanging, 0);
    const before = (await executedIn(directory)).length;
    const ends = await finish(directory, 0.03);
    expect(answered(ends)).toBe(before - 1);
    expect(await executedIn(directory)).toHaveLength(before);
  }, 30_000);
});
