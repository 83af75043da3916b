// Covers: src/cache/memory-follower.ts, src/cache/tiers/disk/deletions.ts
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ResponseCacheOptions } from '../../src/cache/cache-options.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { inBuild } from '../processes/current-build.js';

const secret = 'a secret of enough bytes';
const ask = (task: string, agent = 'expert') => ({ agent, task });
/** How long the stress runs, in seconds; 30 when it is to be shown thoroughly. */
const STRESS_SECONDS = Number(process.env.TUTTI_TEST_STRESS_SECONDS ?? 4);

let folder: string;
let open: ResponseCache[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-shared-'));
});
afterEach(async () => {
  await Promise.all(open.map((cache) => cache.close()));
  open = [];
  rmSync(folder, { recursive: true, force: true });
});

/** As two processes would have it: what each keeps in memory is its own. */
function openCache(clock: FakeClock, options: ResponseCacheOptions = {}): ResponseCache {
  const cache = new ResponseCache({ directory: folder, secret, clock, ...options });
  open.push(cache);
  return cache;
}

/** Two caches on one folder, and some answers that both have in memory. */
async function twoCaches(tasks: readonly string[], tags: readonly string[] = []) {
  const clock = new FakeClock();
  const [ours, theirs] = [openCache(clock), openCache(clock)];
  for (const task of tasks) await ours.set(ask(task), { output: `old ${task}` }, { tags });
  await ours.flush();
  for (const task of tasks) {
    await clock.advance(3);
    await theirs.get(ask(task));
    expect((await theirs.get(ask(task)))?.tier).toBe('memory');
  }
  return { clock, ours, theirs };
}

describe('a second cache on the same folder', () => {
  const tasks = ['a', 'b', 'c'];
  const changes: Array<[string, (cache: ResponseCache) => Promise<unknown>]> = [
    ['delete', async (cache) => Promise.all(tasks.map((task) => cache.delete(ask(task))))],
    ['deleteByTag', (cache) => cache.deleteByTag('docs')],
    ['deleteAgent', (cache) => cache.deleteAgent('expert')],
    ['deletePattern', (cache) => cache.deletePattern('exp*')],
    ['clear', (cache) => cache.clear()],
  ];

  test.each(changes)('serves nothing a second after %s', async (_, change) => {
    const { clock, ours, theirs } = await twoCaches(tasks, ['docs']);
    await clock.advance(1);
    await change(ours);
    await clock.advance(1_000);
    for (const task of tasks) expect(await theirs.get(ask(task))).toBeUndefined();
    expect(await theirs.getMany(tasks.map((task) => ask(task)))).toEqual([undefined, undefined, undefined]);
  });

  test('serves the new answer a second after a set', async () => {
    const { clock, ours, theirs } = await twoCaches(['a', 'b']);
    await clock.advance(1);
    await ours.set(ask('a'), { output: 'new' });
    await ours.flush();
    await clock.advance(1_000);
    expect(await theirs.get(ask('a'))).toMatchObject({ output: 'new', tier: 'disk' });
    expect(await theirs.get(ask('b'))).toMatchObject({ output: 'old b', tier: 'memory' });
  });

  test('does not look at the file for each hit', async () => {
    const { clock, theirs } = await twoCaches(['a']);
    await clock.advance(1_000);
    await theirs.get(ask('a'));
    // A hit that had to look would be a promise.
    for (let count = 0; count < 100; count += 1) {
      expect(theirs.lookup(theirs.key(ask('a')), 'expert')).toMatchObject({ tier: 'memory' });
      await clock.advance(5);
    }
  });

  test('keeps an answer that it has computed since', async () => {
    const { clock, ours, theirs } = await twoCaches(['a']);
    await clock.advance(1);
    await ours.clear();
    await clock.advance(1);
    await theirs.set(ask('a'), { output: 'since' });
    await clock.advance(1_000);
    expect(await theirs.get(ask('a'))).toMatchObject({ output: 'since' });
    await theirs.flush();
    expect(await ours.get(ask('a'))).toMatchObject({ output: 'since', tier: 'disk' });
  });

  test('does not write an older answer over a newer one, nor back after a deletion', async () => {
    const clock = new FakeClock();
    const [ours, theirs] = [openCache(clock), openCache(clock)];
    for (const cache of [ours, theirs]) await cache.stats();
    // What waits here was computed before what the other writes, and is written after it.
    await theirs.set(ask('replaced'), { output: 'older' });
    await theirs.set(ask('deleted'), { output: 'older' });
    await clock.advance(2);
    await ours.set(ask('replaced'), { output: 'newer' });
    await ours.flush();
    await ours.delete(ask('deleted'));
    await theirs.flush();
    await clock.advance(1_000);
    for (const cache of [ours, theirs, openCache(clock)]) {
      expect(await cache.get(ask('replaced'))).toMatchObject({ output: 'newer' });
      expect(await cache.get(ask('deleted'))).toBeUndefined();
    }
  });

  test('does not store an answer whose work began before another process deleted it', async () => {
    const { clock, ours, theirs } = await twoCaches(['a']);
    let answer: (text: string) => void = () => {};
    const working = theirs.getOrCompute(ask('x'), () => new Promise<string>((done) => (answer = done)));
    await clock.advance(1);
    await ours.clear();
    await clock.advance(1_000);
    await theirs.get(ask('a'));
    answer('of before');
    expect((await working).output).toBe('of before');
    expect(await theirs.get(ask('x'))).toBeUndefined();
  });

  test('drops its memory when it slept for longer than deletions are remembered', async () => {
    const { clock, ours, theirs } = await twoCaches(['a', 'b']);
    await clock.advance(1);
    await ours.delete(ask('a'));
    await clock.advance(2 * 3_600_000);
    // Deletions are forgotten when others follow.
    await ours.delete(ask('b'));
    await ours.stats();
    await ours.flush();
    expect(await theirs.get(ask('a'))).toBeUndefined();
  });

  test('starts no timer while memory is not used, and keeps no process alive', async () => {
    const clock = new FakeClock();
    const cache = openCache(clock);
    await cache.set(ask('a'), { output: 'x' });
    await cache.get(ask('a'));
    await cache.flush();
    await clock.advance(1_000);
    await cache.get(ask('a'));
    await clock.advance(1_000);
    const resting = clock.pendingTimers;
    await clock.advance(10_000);
    expect(clock.pendingTimers).toBeLessThanOrEqual(resting);
    await cache.close();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('processes and threads on one folder', () => {
  const locks = () =>
    readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => line.includes(` ${process.pid} `)).length;
  const library = JSON.stringify(inBuild('dist/index.js'));
  const inWorker = (code: string) =>
    new Promise<void>((done, failed) => {
      const worker = new Worker(code, { eval: true });
      worker.on('error', failed);
      worker.on('exit', () => done());
    });

  test('a thread and a second copy of the library leave the locks of an open cache alone', async () => {
    const cache = new ResponseCache({ directory: folder, secret });
    open.push(cache);
    await cache.set(ask('mine'), { output: 'mine' });
    await cache.flush();
    const held = locks();
    expect(held).toBeGreaterThan(0);
    const other = `import(${library}).then(async ({ ResponseCache }) => {
      const cache = new ResponseCache({ directory: ${JSON.stringify(folder)}, secret: '${secret}' });
      await cache.set({ agent: 'expert', task: 'theirs' }, { output: 'theirs' });
      await cache.close();
    })`;
    await inWorker(other);
    expect(locks()).toBe(held);
    const copy = (await import(`${inBuild('dist/index.js')}?copy`)) as {
      ResponseCache: typeof ResponseCache;
    };
    const second = new copy.ResponseCache({ directory: folder, secret });
    expect((await second.get(ask('theirs')))?.output).toBe('theirs');
    await second.close();
    expect(locks()).toBe(held);
    // Another process must not think that it is the last one, and remove the log.
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', `await ${other}`]);
    await cache.set(ask('after'), { output: 'after' });
    await cache.flush();
    const fresh = new ResponseCache({ directory: folder, secret });
    open.push(fresh);
    for (const task of ['mine', 'theirs', 'after']) expect((await fresh.get(ask(task)))?.output).toBe(task);
  });

  test(
    'serve nothing that was deleted or replaced a second ago, and lose no flushed answer',
    async () => {
      const script = resolve('tests/processes/cache-stress.mjs');
      const args = [script, inBuild('dist/index.js'), String(STRESS_SECONDS), '4', '2', '7'];
      const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1e8 });
      const { operations, ...found } = JSON.parse(stdout) as Record<string, unknown>;
      expect(operations).toBeGreaterThan(200);
      expect(found).toMatchObject({ wrong: [], stale: [], lost: [], warnings: [] });
    },
    60_000 + STRESS_SECONDS * 3_000,
  );
});

describe('a script that ends by itself, without close()', () => {
  async function run(body: string): Promise<void> {
    const file = join(folder, 'script.mjs');
    writeFileSync(
      file,
      `import { AsyncOrchestrator, ResponseCache } from ${JSON.stringify(inBuild('dist/index.js'))};
       const directory = ${JSON.stringify(join(folder, 'kept'))}, secret = '${secret}';
       ${body}`,
    );
    await promisify(execFile)(process.execPath, [file]);
  }
  const orchestrator =
    "const o = new AsyncOrchestrator({ agents: { a: async (task) => 'answer to ' + task }, cache: { directory, secret } });";

  test.each([
    ['one call', 1, `${orchestrator} await o.execute('a', 'q0');`],
    [
      '50 calls one by one',
      50,
      `${orchestrator} for (let i = 0; i < 50; i++) await o.execute('a', 'q' + i);`,
    ],
    [
      'a set that is not awaited',
      1,
      "void new ResponseCache({ directory, secret }).set({ agent: 'a', task: 't' }, { output: 'x' });",
    ],
    [
      'an answer from a worker thread that ends',
      1,
      `import { Worker } from 'node:worker_threads';
       const code = \`import(${JSON.stringify(inBuild('dist/index.js'))}).then(({ ResponseCache }) => new ResponseCache({ directory: '\${directory}', secret: '\${secret}' }).set({ agent: 'a', task: 't' }, { output: 'x' }))\`;
       new Worker(code, { eval: true });`,
    ],
  ])('keeps its answers: %s', async (_, entries, body) => {
    await run(body);
    const cache = new ResponseCache({ directory: join(folder, 'kept'), secret });
    expect((await cache.stats()).entries).toBe(entries);
    await cache.close();
  });
});
