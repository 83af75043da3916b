// Covers: src/journal/journal-file.ts, src/journal/journal-writer.ts, src/journal/run-head.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { AgentResult } from '../../src/contracts/result.js';
import { type RejectedRow, RunJournal } from '../../src/journal/run-journal.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-journal-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const SECRET = 'a secret of these tests';
const TASK = 'ab'.repeat(48);
const rejected: RejectedRow[] = [];

const open = (runId: string): Promise<RunJournal> =>
  RunJournal.open({
    runId,
    directory: root,
    secret: SECRET,
    retryFailed: false,
    needsAccount: false,
    epochMs: 1,
    onReject: (row) => rejected.push(row),
    onProblem: (error) => {
      throw error;
    },
  });
afterEach(() => expect(rejected.splice(0)).toEqual([]));

const result = (output: string): AgentResult => ({
  success: true,
  agent: 'a',
  callId: 'c',
  output,
  cached: false,
  usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 },
  costUsd: undefined,
  savedUsd: undefined,
  attempts: 1,
  timings: { queuedMs: 0, runMs: 0, totalMs: 0 },
});

describe('RunJournal', () => {
  test('keeps an account beside the outcomes', async () => {
    const first = await open('account');
    expect(first.account).toBeUndefined();
    first.keepAccount({ usd: 0.25, tokens: 12 });
    first.keepAccount({ usd: 0.5, tokens: 24 });
    expect(first.account).toEqual({ usd: 0.5, tokens: 24 });
    await first.close();
    const second = await open('account');
    expect(second.account).toEqual({ usd: 0.5, tokens: 24 });
    await second.close();
  });

  test('says when an outcome is on disk, and counts those that are not', async () => {
    const journal = await open('order');
    const written: number[] = [];
    for (const position of [2, 0, 1]) {
      expect(journal.record(position, TASK, result(`${position}`), () => written.push(position))).toBe(true);
    }
    expect([journal.unwritten, written]).toEqual([3, []]);
    await journal.flush();
    expect([journal.unwritten, written]).toEqual([0, [2, 0, 1]]);
    await journal.close();
  });

  test('recalls an outcome once, as it was', async () => {
    const first = await open('recall');
    first.record(5, TASK, result('five'), () => {});
    await first.close();
    const second = await open('recall');
    expect(second.fetch([6, 7])).toBeUndefined();
    await second.fetch([4, 5, 6]);
    expect(second.recall(4, TASK, undefined)).toBeUndefined();
    expect(second.recall(5, TASK, undefined)).toStrictEqual(result('five'));
    expect(second.recall(5, TASK, undefined)).toBeUndefined();
    await second.close();
  });

  test('writes thousands of outcomes of one turn', async () => {
    const first = await open('many');
    for (let position = 0; position < 1_700; position++) first.record(position, TASK, result('x'), () => {});
    await first.close();
    const second = await open('many');
    await second.fetch([1_699]);
    expect(second.recall(1_699, TASK, { a: 1 })).toMatchObject({ output: 'x', metadata: { a: 1 } });
    await second.close();
  });

  test('writes nothing of a run that was not let in', async () => {
    const first = await open('abandoned');
    first.setLength(3);
    first.keepAccount(1);
    await first.abandon();
    const second = await open('abandoned');
    expect(second.account).toBeUndefined();
    second.setLength(4);
    await second.close();
  });
});
