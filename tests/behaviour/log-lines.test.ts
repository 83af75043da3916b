// Covers: src/calls/call-events.ts, src/calls/stats.ts
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator, type AsyncOrchestratorOptions, type Logger } from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { httpError, rejection, waitOrAbort } from './scripted-agents.js';

const SECRET = 'the secret prompt';

interface Line {
  level: string;
  message: string | undefined;
  fields: Record<string, unknown>;
}

/** An orchestrator on a clock that the test moves, and the lines that it logs. */
function open(options: AsyncOrchestratorOptions) {
  const clock = new FakeClock();
  const lines: Line[] = [];
  const level =
    (name: string) =>
    (fields: Record<string, unknown>, message?: string): unknown =>
      lines.push({ level: name, message, fields });
  const logger = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((name) => [name, level(name)]));
  const orchestrator = new AsyncOrchestrator({
    retry: { jitter: 'none' },
    ...options,
    clock,
    logger: logger as unknown as Logger,
  });
  return { clock, lines, orchestrator };
}

describe('the logger', () => {
  test('gets a line for each retry and one for the failed call, with ids and numbers and no prompt', async () => {
    const { clock, lines, orchestrator } = open({
      agents: {
        down: (task) => {
          throw httpError(503, { message: `cannot answer "${task}"` });
        },
      },
      maxRetries: 1,
    });
    const call = rejection(orchestrator.execute('down', SECRET, { tenant: 'acme' }));
    await clock.advance(2_000);
    await call;
    const ids = { agent: 'down', callId: expect.any(String) };
    expect(lines).toEqual([
      {
        level: 'warn',
        message: 'an attempt failed; the call is tried again',
        fields: { ...ids, attempt: 1, code: 'TUTTI_AGENT_FAILED', status: 503, delayMs: 1_000 },
      },
      {
        level: 'error',
        message: 'a call failed',
        fields: {
          ...ids,
          tenant: 'acme',
          code: 'TUTTI_RETRIES_EXHAUSTED',
          lastCode: 'TUTTI_AGENT_FAILED',
          status: 503,
          endedBecause: 'attempts-used',
          attempts: 2,
          totalMs: 1_000,
        },
      },
    ]);
    expect(JSON.stringify(lines)).not.toContain(SECRET);
  });

  test('gets no line for calls that work or are cancelled', async () => {
    const { lines, orchestrator } = open({ agents: { echo: (task) => task } });
    await orchestrator.execute('echo', 'works');
    await rejection(orchestrator.execute('echo', 'left', { signal: AbortSignal.abort() }));
    expect(lines).toEqual([]);
  });

  test('gets one line in five seconds for calls that wait longer than that for a permit', async () => {
    const { clock, lines, orchestrator } = open({
      agents: { slow: (_task, { signal }) => waitOrAbort(clock, 3_000, signal).then(() => 'done') },
      maxConcurrent: 1,
    });
    const calls = Promise.all([1, 2, 3, 4, 5].map((task) => orchestrator.execute('slow', `${task}`)));
    await clock.advance(20_000);
    await calls;
    const waits = lines.filter(({ message }) => message === 'calls wait for a permit');
    expect(waits.map(({ level, fields }) => [level, fields.queuedMs, fields.waiting])).toEqual([
      ['info', 6_000, 2],
      ['info', 12_000, 0],
    ]);
    expect(lines).toEqual(waits);
  });

  test('gets a line for an attempt that ignores its signal', async () => {
    const { clock, lines, orchestrator } = open({
      agents: { deaf: () => new Promise<string>(() => {}) },
      maxRetries: 0,
      timeoutMs: 100,
    });
    const call = rejection(orchestrator.execute('deaf', SECRET));
    await clock.advance(6_000);
    await call;
    expect(lines.map(({ level, fields }) => [level, fields.attempt ?? fields.attempts])).toEqual([
      ['error', 1],
      ['warn', 1],
    ]);
    expect(lines[1]).toMatchObject({ fields: { agent: 'deaf', abandonMs: 5_000 } });
  });

  test('gets a line for a cache that goes on without its store', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'tutti-log-lines-')), 'file');
    await writeFile(file, '');
    const { lines, orchestrator } = open({
      agents: { echo: (task) => task },
      cache: { directory: join(file, 'folder'), secret: 'a secret of 16 bytes' },
    });
    expect((await orchestrator.execute('echo', SECRET)).output).toBe(SECRET);
    await orchestrator.close({ drainMs: 0 });
    expect(lines.length).toBeGreaterThan(0);
    expect(lines[0]).toMatchObject({ level: 'warn', fields: { tier: 'disk' } });
    expect(JSON.stringify(lines)).not.toContain(SECRET);
    await rm(dirname(file), { recursive: true });
  });
});

describe('stats', () => {
  test('count failures by code and figures by agent, which add up to the whole', async () => {
    const { clock, orchestrator } = open({
      agents: {
        good: () => ({ output: 'fine', usage: { inputTokens: 3, outputTokens: 2 }, costUsd: 0.25 }),
        bad: () => Promise.reject(new Error('broken')),
        slow: (_task, { signal }) => waitOrAbort(clock, 50, signal).then(() => 'done'),
      },
      cache: { excludeAgents: ['slow'] },
      maxRetries: 0,
    });
    await orchestrator.execute('good', 'one');
    await orchestrator.execute('good', 'one');
    await rejection(orchestrator.execute('bad', 'one'));
    await rejection(orchestrator.execute('bad', 'two'));
    await rejection(orchestrator.execute('slow', 'left', { signal: AbortSignal.abort() }));
    const slow = Promise.all([
      orchestrator.execute('slow', 'x'),
      rejection(orchestrator.execute('slow', 'y', { timeoutMs: 20 })),
    ]);
    await clock.advance(50);
    await slow;
    await orchestrator.run(() => 1);
    const { byAgent, errors, ...all } = orchestrator.stats();
    expect(errors).toEqual({ TUTTI_AGENT_FAILED: 2, TUTTI_TIMEOUT: 1 });
    expect(byAgent).toEqual({
      good: figures({
        submitted: 2,
        succeeded: 2,
        cached: 1,
        attempts: 1,
        inputTokens: 3,
        outputTokens: 2,
        costUsd: 0.25,
      }),
      bad: figures({ submitted: 2, failed: 2, attempts: 2 }),
      slow: figures({ submitted: 3, succeeded: 1, failed: 1, cancelled: 1, attempts: 2, runMs: 70 }),
      run: figures({ submitted: 1, succeeded: 1, attempts: 1 }),
    });
    for (const count of ['submitted', 'succeeded', 'failed', 'cancelled', 'attempts', 'costUsd'] as const) {
      expect(Object.values(byAgent).reduce((sum, agent) => sum + agent[count], 0)).toBe(all[count]);
    }
  });

  test('forget the figures of an agent with the agent', async () => {
    const { orchestrator } = open({ agents: { echo: (task) => task } });
    await orchestrator.execute('echo', 'x');
    orchestrator.agents.remove('echo');
    expect(orchestrator.stats().byAgent).toEqual({});
    orchestrator.agents.add('echo', (task) => task);
    expect(orchestrator.stats().byAgent.echo).toMatchObject({ submitted: 0 });
  });
});

const figures = (counted: Record<string, number>): Record<string, number> => ({
  submitted: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  cached: 0,
  attempts: 0,
  inputTokens: 0,
  outputTokens: 0,
  costUsd: 0,
  queuedMs: 0,
  runMs: 0,
  ...counted,
});
