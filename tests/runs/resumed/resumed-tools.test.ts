// Covers: src/journal/task-progress.ts, src/providers/model/tool-progress.ts
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { RunOptions } from '../../../src/contracts/call.js';
import type { TuttiEvents } from '../../../src/contracts/events.js';
import type { AgentFailure, AgentResult, CallOutcome } from '../../../src/contracts/result.js';
import type { ApprovalRequiredError } from '../../../src/errors/tool-errors.js';
import { AsyncOrchestrator } from '../../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../../src/providers/anthropic/anthropic.js';
import { openDatabase } from '../../../src/sqlite/open-database.js';
import { type ModelServer, startModelServer } from '../../../src/testing/model-server/model-server.js';

const INPUT_TOKENS = 1_000;
let directory: string;
let server: ModelServer;
let effects: string[];
/** Whether the model can answer once it has tool results. */
let isUp: boolean;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-resumed-tools-'));
  effects = [];
  isUp = true;
  server = await startModelServer(({ body }) => {
    const usage = { inputTokens: INPUT_TOKENS, outputTokens: 1 };
    const hasResult = JSON.stringify(body).includes('tool_result');
    if (hasResult) return isUp ? { text: 'Done.', usage } : { status: 529 };
    return { toolCalls: [{ id: 'call_1', name: 'pay', input: { usd: 5 } }], usage };
  });
});
afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

const rejected: Array<TuttiEvents['journal:reject']> = [];
async function run(
  options: RunOptions = {},
  tool: object = {},
  settings: object = {},
): Promise<CallOutcome[]> {
  const pay = {
    input: z.object({ usd: z.number() }),
    run: (_input: unknown, { key }: { key: string }) => `paid ${effects.push(key)}`,
    ...tool,
  };
  const clerk = anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, tools: { pay } });
  await using orchestrator = new AsyncOrchestrator({
    agents: { clerk },
    retry: { minDelayMs: 1, maxDelayMs: 2 },
    ...settings,
  });
  rejected.length = 0;
  orchestrator.on('journal:reject', (event) => rejected.push(event));
  return await orchestrator.executeMultiple(
    [
      ['clerk', 'Pay A.'],
      ['clerk', 'Pay B.'],
    ],
    { runId: 'payments', directory, secret: 'x'.repeat(16), ...options },
  );
}

const codes = (outcomes: CallOutcome[]) =>
  outcomes.map((outcome) => (outcome.success ? outcome.output : outcome.error.code));
const requestOf = (outcome: CallOutcome | undefined) =>
  ((outcome as AgentFailure).error as unknown as ApprovalRequiredError).approvals[0] as { id: string };

async function changeProgress(sql: string): Promise<void> {
  const [name] = (await readdir(join(directory, 'runs'))).filter((file) => file.endsWith('.db'));
  const database = await openDatabase(join(directory, 'runs', name as string));
  await database.query(sql);
  await database.close();
}

describe('a failed task that is run again', () => {
  test('goes on behind its finished steps, which are counted once', async () => {
    isUp = false;
    expect(codes(await run())).toEqual(['TUTTI_RETRIES_EXHAUSTED', 'TUTTI_RETRIES_EXHAUSTED']);
    const [first] = effects;
    isUp = true;
    const asked = server.requests.length;
    const outcomes = await run({ retryFailed: true });
    expect(codes(outcomes)).toEqual(['Done.', 'Done.']);
    expect(effects).toHaveLength(2);
    expect(effects).toContain(first);
    expect(server.requests).toHaveLength(asked + 2);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ usage: { inputTokens: 2 * INPUT_TOKENS } });
      expect(outcome.costUsd).toBeCloseTo(2 * (INPUT_TOKENS * 3e-6 + 15e-6), 9);
      expect((outcome as AgentResult).steps).toHaveLength(2);
      expect((outcome as AgentResult).messages).toHaveLength(4);
    }
    const sizes = await readSizes();
    expect(sizes).toEqual([{ entries: 0 }]);
  });

  test('does so behind a cache too, where identical calls are made once', async () => {
    isUp = false;
    await run({}, {}, { cache: true });
    isUp = true;
    expect(codes(await run({ retryFailed: true }, {}, { cache: true }))).toEqual(['Done.', 'Done.']);
    expect(effects).toHaveLength(2);
  });
});

async function readSizes(): Promise<unknown[]> {
  const [name] = (await readdir(join(directory, 'runs'))).filter((file) => file.endsWith('.db'));
  const database = await openDatabase(join(directory, 'runs', name as string));
  const rows = await database.query<{ entries: number }>('SELECT count(*) AS entries FROM journal_progress');
  await database.close();
  return rows.map((row) => ({ ...row }));
}

describe('approvals of a run', () => {
  test('are given when it is resumed, for the task that asked alone, and survive a failure after that', async () => {
    const tool = { needsApproval: true };
    const waiting = await run({}, tool);
    expect(codes(waiting)).toEqual(['TUTTI_APPROVAL_REQUIRED', 'TUTTI_APPROVAL_REQUIRED']);
    const [a, b] = waiting.map(requestOf) as [{ id: string }, { id: string }];
    expect(a.id).not.toBe(b.id);
    const asked = server.requests.length;
    // The ids are the same in every process.
    expect((await run({}, tool)).map((outcome) => requestOf(outcome).id)).toEqual([a.id, b.id]);
    expect(server.requests).toHaveLength(asked);

    isUp = false;
    expect(codes(await run({ approvals: { [a.id]: true } }, tool))).toEqual([
      'TUTTI_RETRIES_EXHAUSTED',
      'TUTTI_APPROVAL_REQUIRED',
    ]);
    expect(effects).toHaveLength(1);

    isUp = true;
    const outcomes = await run({ approvals: { [b.id]: false }, retryFailed: true }, tool);
    expect(codes(outcomes)).toEqual(['Done.', 'Done.']);
    expect(effects).toHaveLength(1);
    expect((outcomes[1] as AgentResult).steps?.[0]?.toolCalls[0]).toMatchObject({ isError: true });
  });
});

describe('a changed record of what a task has done', () => {
  test.each([
    [
      'a changed result',
      "UPDATE journal_progress SET value = replace(value, 'paid', 'owed') WHERE position = 0",
    ],
    ['a missing step', 'DELETE FROM journal_progress WHERE id = 1'],
    [
      'the steps of another task',
      'UPDATE journal_progress SET value = (SELECT value FROM journal_progress AS other WHERE other.id = journal_progress.id + 1048576) WHERE position = 0',
    ],
  ])('such as %s fails the task instead of repeating what its tools did', async (_what, sql) => {
    isUp = false;
    await run();
    await changeProgress(sql);
    isUp = true;
    const asked = server.requests.length;
    const outcomes = await run({ retryFailed: true });
    expect(codes(outcomes)).toEqual(['TUTTI_RUN_JOURNAL', 'Done.']);
    expect(rejected).toMatchObject([{ kind: 'progress', index: 0 }]);
    expect(effects).toHaveLength(2);
    expect(server.requests).toHaveLength(asked + 1);
  });
});
