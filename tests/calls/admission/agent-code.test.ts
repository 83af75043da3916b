import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod/mini';
import { cachedCallsCode } from '../../../src/calls/cached/cache-of-calls.js';
import { outputReader } from '../../../src/calls/call-result.js';
import { laneCode } from '../../../src/calls/traffic-control.js';
import { AsyncOrchestrator, CancelledError, defineAgent, TimeoutError } from '../../../src/index.js';
import { LazyModule } from '../../../src/lifecycle/lazy-module.js';
import { jsonSchemaWriter } from '../../../src/output/json-schema.js';
import { rejectionOf } from '../../behaviour/scripted-agents.js';

const echo = (task: string): string => task;

/** Has the module be as it is in a new process, and loaded when `open` is called. */
function holdBack(module: LazyModule<unknown>): { open: () => void; fail: (error: Error) => void } {
  let gate!: { open: () => void; fail: (error: Error) => void };
  const opened = new Promise<void>((resolve, reject) => {
    gate = { open: resolve, fail: reject };
  });
  let isOpen = false;
  const loaded = jest.spyOn(module, 'loaded', 'get').mockImplementation(() => undefined);
  jest.spyOn(module, 'load').mockImplementation(async () => {
    if (!isOpen) await opened;
    isOpen = true;
    loaded.mockRestore();
    return await LazyModule.prototype.load.call(module);
  });
  return gate;
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('the code that an agent needs', () => {
  test.each([
    ['lanes', laneCode, { limits: { requestsPerMinute: 100 } }, {}],
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
    for (const module of [laneCode, cachedCallsCode, outputReader, jsonSchemaWriter]) holdBack(module);
    const loads = [laneCode, cachedCallsCode, outputReader, jsonSchemaWriter].map(({ load }) => load);
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    expect(orchestrator.stats().inFlight).toBe(0);
    for (const load of loads) expect(load).not.toHaveBeenCalled();
  });
});

describe('a call that comes before the code is loaded', () => {
  const limits = { requestsPerMinute: 1_000 };

  test('waits for it, and is made after those that came before', async () => {
    const { open } = holdBack(laneCode);
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
    const { open } = holdBack(laneCode);
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
    holdBack(laneCode);
    const orchestrator = new AsyncOrchestrator({ agents: { echo }, limits });
    const call = orchestrator.execute('echo', 'x');
    await Promise.all([rejectionOf(CancelledError, call), orchestrator.close({ drainMs: 0 })]);
  });

  test('fails with the reason where the code cannot be loaded; the next one tries again', async () => {
    const { fail } = holdBack(laneCode);
    const orchestrator = new AsyncOrchestrator({ agents: { echo }, limits });
    const failed = orchestrator.execute('echo', 'x', { maxRetries: 0 });
    fail(new Error('the chunk is not there'));
    await expect(failed).rejects.toThrow('the chunk is not there');
    jest.restoreAllMocks();
    expect((await orchestrator.execute('echo', 'y')).output).toBe('y');
    await orchestrator.close();
  });
});
