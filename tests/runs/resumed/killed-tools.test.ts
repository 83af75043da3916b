// Covers: src/journal/task-progress.ts
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ModelServer, startModelServer } from '../../../src/testing/model-server/model-server.js';
import { inBuild } from '../../processes/current-build.js';

const STEPS = 3;
const TASKS = 2;
const INPUT_TOKENS = 1_000;

let server: ModelServer;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-tools-'));
  // Calls a tool in each step but the last one, with two calls in the second.
  server = await startModelServer(({ body }) => {
    const text = JSON.stringify(body.messages);
    const task = /Book (\w)/.exec(text)?.[1] ?? '';
    const step = (body.messages as unknown[]).length >> 1;
    const usage = { inputTokens: INPUT_TOKENS, outputTokens: 10 };
    if (step === STEPS - 1) return { text: `Booked for ${task}.`, usage };
    const seats = step === 0 ? [`${task}0`] : [`${task}1`, `${task}2`];
    return {
      usage,
      toolCalls: seats.map((seat) => ({ id: `call_${seat}`, name: 'book', input: { seat } })),
    };
  });
});
afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly outcomes: Array<{
    success: boolean;
    output?: string;
    code?: string;
    usage: { inputTokens: number };
  }>;
}

async function run(kind: string, moment = 'never', call = -1): Promise<Ended> {
  const script = resolve('tests/processes/tool-run-child.mjs');
  const args = [script, inBuild('dist'), directory, server.url, kind, moment, String(call)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, 'close');
  return { signal: child.signalCode, outcomes: output === '' ? [] : JSON.parse(output) };
}

const effects = async (): Promise<string[]> => {
  const text = await readFile(join(directory, 'effects.log'), 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean);
};
const seats = ['A0', 'A1', 'A2', 'B0', 'B1', 'B2'];

describe.each([
  ['before', 0],
  ['after', 0],
  ['before', 2],
  ['after', 1],
  ['before', 4],
  ['after', 5],
] as const)('a run that is killed %s the effect of its tool call %i', (moment, call) => {
  test('goes on behind its finished steps, and each tool has taken effect exactly once', async () => {
    expect((await run('reconcile', moment, call)).signal).toBe('SIGKILL');
    const { outcomes } = await run('reconcile');
    expect(outcomes.map(({ output }) => output)).toEqual(['Booked for A.', 'Booked for B.']);
    const lines = await effects();
    expect(lines.map((line) => line.split(' ')[1]).sort()).toEqual(seats);
    expect(new Set(lines.map((line) => line.split(' ')[0])).size).toBe(seats.length);
    // No model request was made twice, in neither process.
    expect(server.requests).toHaveLength(TASKS * STEPS);
    expect(outcomes.map(({ usage }) => usage.inputTokens)).toEqual([
      STEPS * INPUT_TOKENS,
      STEPS * INPUT_TOKENS,
    ]);
  }, 60_000);
});

test('a killed run says of a tool without reconcile that it is in doubt, until it is settled', async () => {
  await run('plain', 'after', 1);
  const before = await effects();
  const { outcomes } = await run('plain');
  expect(outcomes.map(({ code }) => code)).toEqual(['TUTTI_TOOL_IN_DOUBT', undefined]);
  const asked = server.requests.length;
  expect((await run('plain')).outcomes[0]?.code).toBe('TUTTI_TOOL_IN_DOUBT');
  expect((await effects()).filter((line) => before.includes(line))).toEqual(before);
  // Asking again costs nothing.
  expect(server.requests).toHaveLength(asked);
  expect((await run('reconcile')).outcomes.map(({ success }) => success)).toEqual([true, true]);
  expect((await effects()).map((line) => line.split(' ')[1]).sort()).toEqual(seats);
}, 60_000);

test('a killed run runs an idempotent tool again with the same key', async () => {
  await run('idempotent', 'after', 0);
  const { outcomes } = await run('idempotent');
  expect(outcomes.map(({ success }) => success)).toEqual([true, true]);
  const lines = await effects();
  expect(lines[1]).toBe(lines[0]);
  expect(new Set(lines).size).toBe(seats.length);
}, 60_000);
