import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ResponseCache } from '../../src/cache/response-cache.js';
import type { CacheStoreError } from '../../src/errors/storage-errors.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const secret = 'a secret of enough bytes';
const ask = (task: string) => ({ agent: 'expert', task });
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-flush-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error as CacheStoreError,
  );

/** A store that takes nothing. */
const refusing = () => ({
  get: async () => undefined,
  set: async () => Promise.reject(new Error('no space left')),
  delete: async () => true,
});

/** A store in which nothing ever ends. */
const hanging = () => ({
  get: () => new Promise<never>(() => {}),
  set: () => new Promise<never>(() => {}),
  delete: () => new Promise<never>(() => {}),
});

describe('flush', () => {
  test.each([
    ['a folder that cannot be made', () => ({ directory: join(folder, 'file', 'cache') })],
    ['a store that takes nothing', () => ({ store: refusing() })],
  ])('rejects with what was set and could not be written: %s', async (_, where) => {
    writeFileSync(join(folder, 'file'), '');
    const cache = new ResponseCache({ ...where(), secret });
    for (let count = 0; count < 20; count += 1) {
      expect(await cache.set(ask(`${count}`), { output: 'x' })).toBe(true);
    }
    const error = await failure(cache.flush());
    expect(error).toMatchObject({
      code: 'TUTTI_CACHE_STORE',
      operation: 'flush',
      details: { unwritten: 20 },
    });
    expect(error?.details.keys).toContain(cache.key(ask('0')));
    expect(error?.message).not.toContain('x');
    await cache.close();
  });

  test('rejects on a full disk, and resolves once there is room', async () => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      console.warn('NOT TESTED: a disk of its own cannot be mounted here.');
      return;
    }
    const cache = new ResponseCache({ directory: join(disk, 'cache'), secret });
    try {
      await cache.set(ask('first'), { output: 'x' });
      await cache.flush();
      try {
        writeFileSync(join(disk, 'filler'), Buffer.alloc(2_000_000));
      } catch {
        // It is full now.
      }
      for (let count = 0; count < 20; count += 1)
        await cache.set(ask(`${count}`), { output: 'x'.repeat(20_000) });
      expect((await failure(cache.flush()))?.details.unwritten).toBe(20);
      rmSync(join(disk, 'filler'));
      await cache.flush();
      expect((await cache.stats()).entries).toBe(21);
    } finally {
      await cache.close();
      execFileSync('umount', ['-l', disk]);
    }
  });

  test('does not reject for answers that were stored along the way: these are reported', async () => {
    const cache = new ResponseCache({ store: refusing(), secret });
    const problems: unknown[] = [];
    cache.observe((name, payload) => name === 'cache:error' && problems.push(payload));
    await cache.getOrCompute(ask('a'), () => 'x');
    await cache.flush();
    expect(problems).toEqual([expect.objectContaining({ operation: 'set' })]);
    await cache.close();
    expect(problems[1]).toMatchObject({ operation: 'close', message: expect.stringContaining('1 answers') });
  });

  test('forgets what was replaced by something that could be written, or deleted', async () => {
    const clock = new FakeClock();
    const kept = new Map<string, unknown>();
    let isFull = true;
    const store = {
      get: async (key: string) => kept.get(key),
      set: async (key: string, value: string) => {
        if (isFull) throw new Error('no space left');
        kept.set(key, value);
        return true;
      },
      delete: async (key: string) => kept.delete(key),
    };
    const cache = new ResponseCache({ store, secret, clock });
    await cache.set(ask('replaced'), { output: 'x' });
    await cache.set(ask('deleted'), { output: 'x' });
    isFull = false;
    await clock.advance(60_000);
    await cache.set(ask('replaced'), { output: 'y' });
    await cache.delete(ask('deleted'));
    await cache.flush();
    await cache.close();
  });
});

describe('close', () => {
  test('ends in time whatever hangs, and says how much was not written', async () => {
    const clock = new FakeClock();
    const warnings: string[] = [];
    const warn = (_: unknown, message?: string) => void warnings.push(message ?? '');
    const logger = { debug() {}, info() {}, warn, error: warn };
    const cache = new ResponseCache({ store: hanging(), secret, clock, logger });
    const setting = cache.set(ask('a'), { output: 'x' });
    let isClosed = false;
    const closing = cache.close().then(() => {
      isClosed = true;
    });
    await clock.advance(4_900);
    expect(isClosed).toBe(false);
    await clock.advance(200);
    await Promise.all([closing, setting]);
    expect(warnings.join()).toContain('answers that could not be written');
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    [1_000, 3_000],
    [undefined, 25_000],
  ])(
    'of an orchestrator with drainMs %s ends within %i ms over a store that hangs',
    async (drainMs, limitMs) => {
      const clock = new FakeClock();
      const orchestrator = new AsyncOrchestrator({
        agents: { a: () => 'x' },
        cache: { store: hanging(), secret, clock },
        clock,
      });
      const call = orchestrator.execute('a', 'q');
      await clock.advance(1_000);
      expect((await call).output).toBe('x');
      let isClosed = false;
      const closing = orchestrator.close(drainMs === undefined ? {} : { drainMs }).then(() => {
        isClosed = true;
      });
      await clock.advance(limitMs);
      expect(isClosed).toBe(true);
      await closing;
    },
  );
});

describe('a logger, an observer or an exclusion that throws', () => {
  const angry = () => {
    throw new Error('mine');
  };
  const logger = { debug: angry, info: angry, warn: angry, error: angry };

  test('breaks nothing in a bare cache', async () => {
    writeFileSync(join(folder, 'cache.db'), 'not a database');
    for (const where of [{ directory: folder }, { store: refusing() }]) {
      const cache = new ResponseCache({ ...where, secret, logger });
      cache.observe(angry);
      expect((await cache.getOrCompute(ask('a'), () => 'x')).output).toBe('x');
      expect(await cache.set(ask('b'), { output: 'y' })).toBe(true);
      expect((await cache.get(ask('b')))?.output).toBe('y');
      await cache.delete(ask('b'));
      await cache.flush().catch(() => {});
      await cache.close();
    }
  });

  test('excludes the agent it was asked about', async () => {
    const cache = new ResponseCache({ excludeAgents: [angry] });
    expect((await cache.getOrCompute(ask('a'), () => 'x')).cached).toBe(false);
    expect(await cache.set(ask('a'), { output: 'x' })).toBe(false);
    expect(await cache.get(ask('a'))).toBeUndefined();
    expect(await cache.getMany([ask('a')])).toEqual([undefined]);
  });
});

describe('a request that is not cached', () => {
  const odd = { agent: 'expert', task: 't', params: { since: new Date(0) } };

  test.each([
    ['switched off', { enabled: false }],
    ['excluded', { excludeAgents: ['exp*'] }],
  ])('needs no key and no settings that make sense: %s', async (_, options) => {
    const cache = new ResponseCache(options);
    expect((await cache.getOrCompute(odd, () => 'x', { ttlMs: -1 })).output).toBe('x');
    expect(await cache.set(odd, { output: 'x', costUsd: -1 }, { ttlMs: -1 })).toBe(false);
    expect(await cache.get(odd)).toBeUndefined();
    expect(await cache.getMany([odd])).toEqual([undefined]);
  });
});
