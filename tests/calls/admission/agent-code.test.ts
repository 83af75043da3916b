import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod/mini';
import { cachedCallsCode } from '../../../src/calls/cached/cache-of-calls.js';
import { retriesCode } from '../../../src/calls/call-path.js';
import { outputReader } from '../../../src/calls/call-result.js';
import { trafficCode } from '../../../src/calls/traffic-control.js';
import { AsyncOrchestrator, CancelledError, defineAgent, TimeoutError } from '../../../src/index.js';
import { jsonSchemaWriter } from '../../../src/output/json-schema.js';
import { runCode } from '../../../src/runs/run-start.js';
import { holdBack } from '../../behaviour/held-code.js';
import { httpError, rejectionOf, turn } from '../../behaviour/scripted-agents.js';

const echo = (task: string): string => task;

afterEach(() => {
  jest.restoreAllMocks();
});

describe('the code that an agent needs', () => {
  test.each([
    ['lanes', trafficCode, { limits: { requestsPerMinute: 100 } }, {}],
    ['retries', retriesCode, { budget: { tokens: 100 } }, { maxCostUsd: 0, params: { maxTokens: 1 } }],
    ['the cache of calls', cachedCallsCode, { cache: true }, {}],
    ['the reading of typed answers', outputReader, {}, { output: z.string() }],
    ['the writing of JSON Schemas', jsonSchemaWriter, { cache: true }, { output: z.string() }],
  ] as const)('is loaded with its registration: %s', async (_what, module, options, settings) => {
    const task = JSON.stringify('a text');
    const agents = [defineAgent({ name: 'a', run: echo, ...settings })];
    const orchestrator = new AsyncOrchestrator({ agents, ...options });
    expect((await orchestrator.execute('a', task)).output).toBe(task);
    expect(module.loaded).toBeDefined();
    await orchestrator.close();
  });

  test('is loaded for a plain function: none', () => {
    for (const module of [trafficCode, cachedCallsCode, outputReader, jsonSchemaWriter]) holdBack(module);
    const loads = [trafficCode, cachedCallsCode, outputReader, jsonSchemaWriter].map(({ load }) => load);
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    expect(orchestrator.stats().inFlight).toBe(0);
    for (const load of loads) expect(load).not.toHaveBeenCalled();
  });
});

describe('a call that comes before the code is loaded', () => {
  const limits = { requestsPerMinute: 1_000 };

  test('waits for it, and is made after those that came before', async () => {
    await runCode.load();
    const { open } = holdBack(trafficCode);
    const seen: string[] = [];
    const agents = { note: (task: string) => String(seen.push(task)) };
    const orchestrator = new AsyncOrchestrator({ agents, limits, maxConcurrent: 1 });
    const calls = ['a', 'b', 'c'].map((task) => orchestrator.execute('note', task));
    const run = orchestrator.executeMultiple([['note', 'd']]);
    expect(orchestrator.stats()).toMatchObject({ inFlight: 4, running: 0 });
    expect(seen).toEqual([]);
    open();
    await Promise.all([...calls, run]);
    expect(seen).toEqual(['a', 'b', 'c', 'd']);
    expect(Object.keys(orchestrator.stats().lanes)).toEqual(['function/note']);
    await orchestrator.close();
  });

  test('ends at its signal and at its deadline', async () => {
    const { open } = holdBack(trafficCode);
    const orchestrator = new AsyncOrchestrator({ agents: { echo }, limits });
    const controller = new AbortController();
    const aborted = orchestrator.execute('echo', 'x', { signal: controller.signal });
    const late = orchestrator.execute('echo', 'x', { deadlineMs: 1 });
    controller.abort();
    await rejectionOf(CancelledError, aborted);
    expect(await rejectionOf(TimeoutError, late)).toMatchObject({ scope: 'deadline' });
    expect(orchestrator.stats().inFlight).toBe(0);
    open();
    expect((await orchestrator.execute('echo', 'y')).output).toBe('y');
    await orchestrator.close();
  });

  test('ends with its orchestrator', async () => {
    holdBack(trafficCode);
    const orchestrator = new AsyncOrchestrator({ agents: { echo }, limits });
    const call = orchestrator.execute('echo', 'x');
    await Promise.all([rejectionOf(CancelledError, call), orchestrator.close({ drainMs: 0 })]);
  });

  test('fails with the reason where the code cannot be loaded; the next one tries again', async () => {
    const { fail } = holdBack(trafficCode);
    const orchestrator = new AsyncOrchestrator({ agents: { echo }, limits });
    const failed = orchestrator.execute('echo', 'x', { maxRetries: 0 });
    fail(new Error('the chunk is not there'));
    await expect(failed).rejects.toThrow('the chunk is not there');
    jest.restoreAllMocks();
    expect((await orchestrator.execute('echo', 'y')).output).toBe('y');
    await orchestrator.close();
  });
});

describe('the code of retries, which an agent without traffic control needs only for a failed attempt', () => {
  const busy = (): never => {
    throw httpError(503);
  };
  const hang = (): Promise<never> => new Promise(() => {});
  const options = { retry: { minDelayMs: 1 }, abandonMs: 1 };

  test('is not loaded for a call that is answered, cancelled or past its deadline', async () => {
    holdBack(retriesCode);
    const orchestrator = new AsyncOrchestrator({ agents: { echo, hang }, ...options });
    await orchestrator.execute('echo', 'x');
    const controller = new AbortController();
    const aborted = orchestrator.execute('hang', 'x', { signal: controller.signal });
    controller.abort();
    await rejectionOf(CancelledError, aborted);
    await rejectionOf(TimeoutError, orchestrator.execute('hang', 'x', { deadlineMs: 1 }));
    const closed = orchestrator.execute('hang', 'x');
    await Promise.all([rejectionOf(CancelledError, closed), orchestrator.close({ drainMs: 0 })]);
    expect(retriesCode.load).not.toHaveBeenCalled();
  });

  test('is waited for by a call whose first attempt has failed', async () => {
    const { open } = holdBack(retriesCode);
    let failures = 1;
    const flaky = (task: string): string => (failures-- > 0 ? busy() : task);
    const orchestrator = new AsyncOrchestrator({ agents: { flaky }, ...options });
    const call = orchestrator.execute('flaky', 'x');
    await turn();
    expect(orchestrator.stats()).toMatchObject({ inFlight: 1, running: 0 });
    open();
    expect(await call).toMatchObject({ output: 'x', attempts: 2 });
    await orchestrator.close();
  });

  test('is waited for by the calls of a run with a budget', async () => {
    await runCode.load();
    const { open } = holdBack(retriesCode);
    const orchestrator = new AsyncOrchestrator({ agents: { echo }, ...options });
    const run = orchestrator.executeMultiple([['echo', 'a']], { budget: { usd: 1 } });
    await turn();
    expect(orchestrator.stats()).toMatchObject({ inFlight: 1, running: 0 });
    open();
    expect(await run).toHaveLength(1);
    await orchestrator.close();
  });

  test('holds up no end: by a signal, and by a deadline', async () => {
    holdBack(retriesCode);
    const orchestrator = new AsyncOrchestrator({ agents: { busy }, ...options });
    const controller = new AbortController();
    const aborted = orchestrator.execute('busy', 'x', { signal: controller.signal });
    const late = orchestrator.execute('busy', 'x', { deadlineMs: 20 });
    await turn();
    controller.abort();
    await rejectionOf(CancelledError, aborted);
    await rejectionOf(TimeoutError, late);
    expect(orchestrator.stats()).toMatchObject({ inFlight: 0, running: 0 });
    await orchestrator.close();
  });

  test('fails the call with the reason where it cannot be loaded', async () => {
    const { fail } = holdBack(retriesCode);
    const orchestrator = new AsyncOrchestrator({ agents: { busy }, ...options });
    const call = orchestrator.execute('busy', 'x');
    fail(new Error('the chunk is not there'));
    await expect(call).rejects.toThrow('the chunk is not there');
    await orchestrator.close();
  });
});
