// Covers: src/runtime/parts.ts, src/logging/stderr-logger.ts, src/runtime/hide-secrets.ts
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import * as z from 'zod';
import { ResponseCache } from '../../src/cache/index.js';
import type { Logger } from '../../src/index.js';
import { Assembly } from '../../src/runtime/assembly.js';
import { createTutti, loadConfig } from '../../src/runtime/index.js';
import { MergedConfig } from '../../src/runtime/merged-config.js';
import { PARTS, type Part } from '../../src/runtime/parts.js';
import { tuttiConfigSchema } from '../../src/runtime/tutti-config.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { rejection } from '../behaviour/scripted-agents.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const agents = { shout: (task: string) => task.toUpperCase() };
const SOURCES = { env: {} };
const inFolder = (...path: string[]): string => join(folder.path, ...path);

describe('createTutti', () => {
  test('builds an orchestrator alone where nothing else is configured, and touches no file', async () => {
    await using tutti = await createTutti({ agents }, SOURCES);
    expect((await tutti.orchestrator.execute('shout', 'all together')).output).toBe('ALL TOGETHER');
    expect([tutti.cache, tutti.state]).toEqual([undefined, undefined]);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('builds every part that is configured, and they work together', async () => {
    const schema = z.object({ runs: z.number() });
    const config = {
      agents,
      cache: { directory: inFolder('cache'), secret: 'a secret of these tests' },
      state: { path: inFolder('state.json'), schema, default: { runs: 0 } },
    };
    const tutti = await createTutti(config, SOURCES);
    await tutti.orchestrator.execute('shout', 'twice');
    expect((await tutti.orchestrator.execute('shout', 'twice')).cached).toBe('memory');
    const { runs } = await (tutti.state?.update(({ runs }) => ({ runs: runs + 1 })) ?? { runs: -1 });
    expect(runs).toBe(1);
    const closed = tutti.close({ drainMs: 1_000 });
    expect(tutti.close()).toBe(closed);
    await closed;
    for (const call of [
      tutti.orchestrator.execute('shout', 'x'),
      tutti.cache?.get({ agent: 'a', task: 'b' }),
      tutti.state?.update({ runs: 2 }),
    ]) {
      expect(await rejection(call as Promise<unknown>)).toMatchObject({ code: 'TUTTI_CLOSED' });
    }
    expect(existsSync(inFolder('cache', 'cache.db'))).toBe(true);
    expect(JSON.parse(await readFile(inFolder('state.json'), 'utf8'))).toEqual({ runs: 1 });
  });

  test('puts the call over the environment, and that over the file', async () => {
    await folder.write(
      'tutti.config.json',
      JSON.stringify({ maxConcurrent: 1, maxRetries: 1, timeoutMs: 1, cache: { maxEntries: 1, ttlMs: 1 } }),
    );
    const env = { TUTTI_MAX_CONCURRENT: '2', TUTTI_MAX_RETRIES: '2', TUTTI_CACHE_MAX_ENTRIES: '2' };
    await using tutti = await createTutti({ agents, maxConcurrent: 3, cache: true }, { env });
    expect(tutti.orchestrator.maxConcurrent).toBe(3);
    expect(tutti.config).toMatchObject({ maxRetries: 2, timeoutMs: 1, cache: { maxEntries: 2, ttlMs: 1 } });
  });

  test('uses what loadConfig has returned as it is, and reads nothing else', async () => {
    await folder.write('tutti.config.json', '{ "maxConcurrent": 1 }');
    const config = await loadConfig({ path: false, env: { MAX_CONCURRENT_OPERATIONS: '50' } });
    await using tutti = await createTutti(config);
    expect(tutti.orchestrator.maxConcurrent).toBe(50);
    expect(tutti.config).toBe(config);
  });

  test('with ENABLE_RESPONSE_CACHING=false opens no storage', async () => {
    const env = { ENABLE_RESPONSE_CACHING: 'false' };
    await using tutti = await createTutti({ agents, cache: undefined }, { env });
    expect(tutti.cache).toBeUndefined();
    await folder.write('tutti.config.json', JSON.stringify({ cache: { directory: inFolder('cache') } }));
    await using stored = await createTutti({ agents }, { env });
    expect(stored.cache).toBeUndefined();
    await stored.orchestrator.execute('shout', 'x');
    expect((await stored.orchestrator.execute('shout', 'x')).cached).toBe(false);
    expect(existsSync(inFolder('cache'))).toBe(false);
  });

  test('with CACHE_MAX_SIZE evicts one answer for one too many', async () => {
    const env = { TUTTI_CACHE: 'true', CACHE_MAX_SIZE: '3' };
    await using tutti = await createTutti({ agents }, { env });
    for (const task of ['a', 'b', 'c', 'd']) await tutti.orchestrator.execute('shout', task);
    expect(await tutti.cache?.stats()).toMatchObject({ entries: 3, evictions: 1 });
  });

  test('with ENABLE_STATE_WATCHING=false has a state that is reloaded by hand', async () => {
    const path = inFolder('somewhere', 'state.json');
    const env = { STATE_FILE_PATH: path, ENABLE_STATE_WATCHING: 'false' };
    await using tutti = await createTutti({ agents }, { env });
    expect(tutti.state?.watching).toBe(false);
    expect(tutti.state?.get()).toEqual({});
    await writeFile(path, '{ "from": "outside" }');
    expect(await tutti.state?.reload()).toEqual({ from: 'outside' });
  });

  test('counts what the orchestrator does, at the interval of METRICS_COLLECTION_INTERVAL', async () => {
    const clock = new FakeClock();
    const env = { PERFORMANCE_MONITORING_ENABLED: 'true', METRICS_COLLECTION_INTERVAL: '30' };
    await using tutti = await createTutti({ agents, clock, cache: true }, { env });
    await tutti.orchestrator.execute('shout', 'x');
    await tutti.orchestrator.execute('shout', 'x');
    expect(tutti.telemetry?.snapshot()).toMatchObject({
      calls: { submitted: 2, cached: 1 },
      cache: { hits: 1 },
    });
    await clock.advance(60_000);
    const instants = tutti.telemetry?.series('calls').map(({ at }) => at) ?? [];
    expect(instants.length).toBeGreaterThan(1);
    expect(instants.slice(1).map((at, index) => at - (instants[index] ?? 0))).toEqual(
      instants.slice(1).map(() => 30_000),
    );
    expect(tutti.config.telemetry).toEqual({ sampleMs: 30_000 });
  });

  test('counts calls that end while it closes', async () => {
    const slow = () => new Promise<string>((resolve) => setTimeout(() => resolve('done'), 30));
    const tutti = await createTutti({ agents: { slow }, telemetry: true }, SOURCES);
    const call = tutti.orchestrator.execute('slow', 'x');
    await tutti.close();
    expect((await call).output).toBe('done');
    expect(tutti.telemetry?.snapshot().calls).toMatchObject({ submitted: 1, succeeded: 1 });
  });

  test('with PERFORMANCE_MONITORING_ENABLED=false starts no timer', async () => {
    const clock = new FakeClock();
    const env = { PERFORMANCE_MONITORING_ENABLED: 'false' };
    await using tutti = await createTutti({ agents, clock }, { env });
    expect([tutti.telemetry, clock.pendingTimers]).toEqual([undefined, 0]);
    await using watched = await createTutti({ agents, clock, telemetry: {} }, { env: {} });
    expect(clock.pendingTimers).toBeGreaterThan(0);
    await watched.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('finds the path of the state from the working directory', async () => {
    await using tutti = await createTutti({ agents }, { env: { STATE_FILE_PATH: 'data/state.json' } });
    expect(tutti.state?.path).toBe(inFolder('data', 'state.json'));
    await using other = await createTutti({ agents, state: true }, SOURCES);
    expect(other.state?.path).toBe(inFolder('.tutti', 'state.json'));
  });

  test('leaves a cache open that was given ready-made', async () => {
    const cache = new ResponseCache();
    const tutti = await createTutti(
      { agents, cache },
      { env: { TUTTI_CACHE: 'true', CACHE_DEFAULT_TTL: '1' } },
    );
    expect(tutti.cache).toBe(cache);
    await tutti.close();
    await cache.set({ agent: 'a', task: 'b' }, { output: 'kept' });
    expect((await cache.get({ agent: 'a', task: 'b' }))?.output).toBe('kept');
    await cache.close();
  });

  test('names the call for an invalid value of its own, and refuses what is no configuration', async () => {
    const error = await rejection(createTutti({ agents, maxConcurrent: -1 }, SOURCES));
    expect(error).toMatchObject({ code: 'TUTTI_CONFIG', source: 'createTutti', field: 'maxConcurrent' });
    const wrong = await rejection(createTutti('config' as never));
    expect(wrong).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT', field: 'config' });
  });

  test('names the variable of a value that only the part itself refuses, without showing it', async () => {
    const env = { TUTTI_CACHE: 'true', TUTTI_CACHE_SECRET: 'too-short' };
    const error = await rejection(createTutti({ agents }, { env }));
    expect(error).toMatchObject({
      code: 'TUTTI_CONFIG',
      source: 'TUTTI_CACHE_SECRET',
      field: 'cache.secret',
    });
    expect(error.message).toContain('at least 16 bytes');
    expect(JSON.stringify(error)).not.toContain('too-short');
  });

  test.each([
    ['error', ['error']],
    ['info', ['info', 'warn', 'error', 'info']],
    [undefined, ['debug', 'info', 'warn', 'error', 'info']],
    ['silent', []],
  ] as const)('with the log level %s passes on %j', async (logLevel, expected) => {
    const heard: string[] = [];
    const logger: Logger = {
      debug: () => void heard.push('debug'),
      info: () => void heard.push('info'),
      warn: () => void heard.push('warn'),
      error: () => void heard.push('error'),
      child: () => logger,
    };
    const talk = (_task: string, { logger: own }: { logger: Logger }) => {
      own.debug({}, 'd');
      own.info({}, 'i');
      own.warn({}, 'w');
      own.error({}, 'e');
      own.child?.({}).info({}, 'i');
      return 'done';
    };
    await using tutti = await createTutti({ agents: { talk }, logger, logLevel }, SOURCES);
    await tutti.orchestrator.execute('talk', 'x');
    expect(heard).toEqual(expected);
  });

  test('logs lines of JSON without keys to the standard error output where there is no logger', async () => {
    const lines: string[] = [];
    const write = jest
      .spyOn(process.stderr, 'write')
      .mockImplementation((line) => lines.push(String(line)) > 0);
    const talk = (_task: string, { logger }: { logger: Logger }) => {
      logger.info({ quiet: true }, 'not shown');
      logger.child?.({ step: 2 }).warn({ error: new Error('key sk-abcdefgh12345678'), big: 1n }, 'shown');
      return 'done';
    };
    await using tutti = await createTutti({ agents: { talk } }, { env: { TUTTI_LOG_LEVEL: 'warn' } });
    await tutti.orchestrator.execute('talk', 'x');
    write.mockRestore();
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'warn',
      message: 'shown',
      agent: 'talk',
      step: 2,
      big: '1',
      error: { name: 'Error', message: 'key [removed]' },
      time: expect.stringMatching(/^\d{4}-/),
    });
  });
});

describe('an assembly', () => {
  const CONFIG = { agents, cache: true, state: true, telemetry: true };
  const merged = (): MergedConfig => {
    const config = new MergedConfig(tuttiConfigSchema());
    config.addCall({ ...CONFIG, state: { path: inFolder('state.json') } }, 'test');
    return config;
  };

  /** The parts there are, which write down when they start and close; the one at `failing` fails. */
  function recordedParts(log: string[], failing: number, isFailingInClose = false): Part[] {
    return PARTS.map((part, index) => ({
      ...part,
      start: async (context) => {
        if (index === failing && !isFailingInClose) throw new Error(`${part.name} fails`);
        const started = await part.start(context);
        log.push(`start ${part.name}`);
        return (
          started && {
            ...started,
            close: async (options) => {
              log.push(`close ${part.name}`);
              await started.close?.(options);
              if (index === failing && isFailingInClose) throw new Error(`${part.name} fails`);
            },
          }
        );
      },
    }));
  }

  test('starts its parts in order and closes them in reverse, what listens after what it listens to', async () => {
    const log: string[] = [];
    const { assembly } = await Assembly.start(recordedParts(log, -1), merged());
    await assembly.close(0);
    expect(log).toEqual([
      ...['start state', 'start cache', 'start orchestrator', 'start telemetry'],
      ...['close orchestrator', 'close telemetry', 'close cache', 'close state'],
    ]);
  });

  test.each(PARTS.map(({ name }, index) => [name, index] as const))(
    'closes what has started, and nothing else, when %s fails',
    async (name, failing) => {
      const log: string[] = [];
      const error = await rejection(Assembly.start(recordedParts(log, failing), merged()));
      expect(error.message).toBe(`${name} fails`);
      const before = PARTS.slice(0, failing).map((part) => part.name);
      expect(log).toEqual([
        ...before.map((one) => `start ${one}`),
        ...before.reverse().map((one) => `close ${one}`),
      ]);
    },
  );

  test.each(PARTS.map(({ name }, index) => [name, index] as const))(
    'closes all parts when %s cannot be closed, and says so',
    async (name, failing) => {
      const log: string[] = [];
      const { assembly } = await Assembly.start(recordedParts(log, failing, true), merged());
      expect((await rejection(assembly.close(0))).message).toBe(`${name} fails`);
      expect(log.filter((line) => line.startsWith('close'))).toHaveLength(PARTS.length);
    },
  );

  test('leaves nothing running when a state cannot be loaded', async () => {
    await mkdir(inFolder('.tutti'));
    await writeFile(inFolder('.tutti', 'state.json'), 'broken');
    const close = jest.spyOn(ResponseCache.prototype, 'close');
    const error = await rejection(createTutti(CONFIG, SOURCES));
    expect(error).toMatchObject({ code: 'TUTTI_STATE_FILE', problem: 'not-json' });
    // The state comes first: nothing else was there to be closed.
    expect(close).not.toHaveBeenCalled();
  });
});
