// Covers: src/calls/cached/function-source.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentFunction } from '../../../src/contracts/agent.js';
import { AsyncOrchestrator } from '../../../src/orchestrator/async-orchestrator.js';

let directory: string;
const environment = process.env.NODE_ENV;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-source-'));
});
afterEach(async () => {
  process.env.NODE_ENV = environment;
  await rm(directory, { recursive: true, force: true });
});

/** Asks an orchestrator of its own, as a process that starts again does; returns the answers and the warnings. */
async function askAgain(run: AgentFunction, more: { version?: string } = {}, times = 1) {
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn: (_: object, message: string) => warnings.push(message),
    error() {},
  };
  const orchestrator = new AsyncOrchestrator({
    agents: [{ name: 'count', run, ...more }],
    cache: { directory, secret: 'a secret for a test' },
    logger: logger as never,
  });
  const answers: unknown[] = [];
  for (let time = 0; time < times; time += 1) {
    const { output, cached } = await orchestrator.execute('count', 'one two');
    answers.push([output, cached]);
  }
  await orchestrator.close();
  return { answers, warnings };
}

const before: AgentFunction = (task) => String(task.length);
const after: AgentFunction = (task) => String(task.split(' ').length);

describe('a function that has changed since its answer was stored', () => {
  test('still serves the old answer from disk, with one warning that says what to do', async () => {
    expect((await askAgain(before)).warnings).toEqual([]);
    const { answers, warnings } = await askAgain(after, {}, 2);
    expect(answers).toEqual([
      ['7', 'disk'],
      ['7', 'memory'],
    ]);
    expect(warnings).toEqual([
      expect.stringMatching(/agent "count" has changed.*version.*cache\.deleteAgent\('count'\)/s),
    ]);
  });

  test('warns of nothing where the function is the same, or its version is another', async () => {
    await askAgain(before, { version: '1' });
    expect(await askAgain(before, { version: '1' })).toEqual({ answers: [['7', 'disk']], warnings: [] });
    expect(await askAgain(after, { version: '2' })).toEqual({ answers: [['2', false]], warnings: [] });
  });

  test('says nothing in production, where a build may write the same function in another way', async () => {
    await askAgain(before);
    process.env.NODE_ENV = 'production';
    expect((await askAgain(after)).warnings).toEqual([]);
  });
});
