// Covers: src/cache/tiers/disk/disk-schema.ts
// Covers: src/cache/tiers/disk/disk-reader.ts, src/cache/tiers/disk/disk-row.ts, src/cache/tiers/disk/disk-table.ts
// Covers: src/cache/tiers/disk/disk-writer.ts, src/cache/tiers/disk/drain-timer.ts
// Covers: src/cache/tiers/disk/read-batcher.ts, src/cache/tiers/tier-index.ts
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DiskTier, type DiskTierOptions } from '../../../../src/cache/tiers/disk/disk-tier.js';
import { DatabaseError } from '../../../../src/errors/storage-errors.js';
import type { SqliteDriverName } from '../../../../src/sqlite/driver.js';
import { openDatabase } from '../../../../src/sqlite/open-database.js';
import { tierEntry } from '../../../../src/testing/cache-tier-suite.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { describeDrivers } from '../../../sqlite/drivers.js';
import { faultyDatabase } from './faulty-database.js';

let root: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-disk-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

interface Opened {
  readonly tier: DiskTier;
  readonly problems: string[];
  readonly clock: FakeClock;
  readonly directory: string;
  readonly path: string;
}

function open(options: Partial<DiskTierOptions> = {}): Opened {
  const clock = (options.clock as FakeClock | undefined) ?? new FakeClock();
  const directory = options.directory ?? join(root, `tier-${count++}`);
  const problems: string[] = [];
  const onProblem = (error: Error) => problems.push(error.message);
  const tier = new DiskTier({ maxSizeBytes: 1e8, onProblem, ...options, clock, directory });
  return { tier, problems, clock, directory, path: join(directory, 'cache.db') };
}

/** With the same driver: two copies of SQLite in one process would drop each other's locks. */
const rowsIn = async (path: string, driver: SqliteDriverName = 'keyv-sqlite'): Promise<number> => {
  const database = await openDatabase(path, { driver, check: 'header' });
  const [row] = await database.query<{ n: number }>('SELECT count(*) AS n FROM tutti_cache_entries');
  await database.close();
  return row?.n ?? -1;
};

await describeDrivers('DiskTier', (driver) => {
  test('touches no file before it is used, and none when it is closed unused', async () => {
    const { tier, directory } = open({ driver });
    tier.counters();
    await tier.flush();
    await tier.close();
    await expect(stat(directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('makes its folder and files for their owner alone', async () => {
    const { tier, clock, directory } = open({ driver });
    await tier.set(tierEntry(clock, 'a'));
    await tier.flush();
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const file of await readdir(directory)) {
      expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    }
    await tier.close();
  });

  test('writes by itself after a moment', async () => {
    const { tier, clock, path } = open({ driver });
    await tier.set(tierEntry(clock, 'a'));
    await tier.getMany(['warm']);
    await tier.size();
    await tier.set(tierEntry(clock, 'b'));
    await clock.advance(24);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(await rowsIn(path, driver)).toBe(1);
    await clock.advance(1);
    await until(async () => (await rowsIn(path, driver)) === 2);
    await tier.close();
  });

  test('writes at once when a whole statement of entries waits, and not before', async () => {
    const { tier, clock, path } = open({ driver });
    await tier.size();
    const set = (n: number) => tier.set(tierEntry(clock, `e${n}`));
    for (let n = 1; n < 400; n++) await set(n);
    await clock.advance(0);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(await rowsIn(path, driver)).toBe(0);
    await set(400);
    await clock.advance(0);
    await until(async () => (await rowsIn(path, driver)) === 400);
    await tier.close();
  });

  test('keeps numbers as they are, those that are not whole too', async () => {
    const { tier, clock } = open({ driver });
    const createdAt = clock.epochMs();
    const times = { createdAt, expiresAt: createdAt + 1_000.25, staleUntil: createdAt + 2_000.5 };
    const entries = [
      tierEntry(clock, 'fractions', { ...times, costUsd: 0.1 + 0.2 }),
      tierEntry(clock, 'whole', { costUsd: 1e-9 }),
    ];
    for (const entry of entries) await tier.set(entry);
    await tier.flush();
    for (const entry of entries) expect(await tier.getMany([entry.key])).toEqual([entry]);
    expect(await tier.getMany(entries.map(({ key }) => key))).toEqual(entries);
    await tier.close();
  });

  test('leaves every other file and table alone', async () => {
    const { tier, clock, directory, path } = open({ driver });
    await mkdir(directory);
    const others = ['package.json', 'cache.json', 'cache.db.bak', 'cache.key'];
    for (const file of others) await writeFile(join(directory, file), file);
    await tier.size();
    const database = await openDatabase(path, { driver });
    await database.query('CREATE TABLE keyv (key TEXT, value TEXT)');
    await database.query("INSERT INTO keyv VALUES ('mine', 'mine')");
    for (let n = 0; n < 5; n++) await tier.set(tierEntry(clock, `e${n}`));
    await tier.deleteMatching({ agent: 'writer' });
    await tier.deleteMatching('all');
    for await (const _ of tier.entries()) expect(true).toBe(false);
    await tier.close();
    expect(await database.query('SELECT key, value FROM keyv')).toEqual([{ key: 'mine', value: 'mine' }]);
    await database.close();
    for (const file of others) expect(await readFile(join(directory, file), 'utf8')).toBe(file);
    expect((await readdir(directory)).sort()).toEqual([...others, 'cache.db'].sort());
  });

  test('sees at once what another tier on the same file has written, replaced and deleted', async () => {
    const one = open({ driver });
    const other = open({ driver, directory: one.directory });
    const entry = tierEntry(one.clock, 'a');
    expect(await other.tier.size()).toEqual({ entries: 0, sizeBytes: 0 });
    await one.tier.set(entry);
    await one.tier.flush();
    await other.clock.advance(2);
    expect(await other.tier.getMany([entry.key])).toEqual([entry]);
    const longer = tierEntry(one.clock, 'a', { payload: 'longer than before, by far' });
    await one.tier.set(longer);
    await one.tier.flush();
    expect(await other.tier.getMany([entry.key])).toEqual([longer]);
    expect(await other.tier.size()).toEqual({ entries: 1, sizeBytes: longer.sizeBytes });
    await one.tier.delete(entry.key);
    expect(await other.tier.getMany([entry.key])).toEqual([undefined]);
    expect(await other.tier.size()).toEqual({ entries: 0, sizeBytes: 0 });
    await Promise.all([one.tier.close(), other.tier.close()]);
  });

  test('takes in what another tier wrote and deleted, thousands of rows at a time', async () => {
    const one = open({ driver });
    const other = open({ driver, directory: one.directory });
    expect(await other.tier.size()).toMatchObject({ entries: 0 });
    for (let n = 0; n < 2_500; n++) await one.tier.set(tierEntry(one.clock, `e${n}`));
    await one.tier.flush();
    expect(await other.tier.size()).toEqual(await one.tier.size());
    // What the other wrote itself meanwhile is not taken for deleted.
    expect(await one.tier.deleteMatching('all')).toBe(2_500);
    await other.clock.advance(2_000);
    const own = tierEntry(other.clock, 'own');
    await other.tier.set(own);
    await other.tier.flush();
    await other.clock.advance(2_000);
    await other.tier.flush();
    expect(await other.tier.size()).toEqual({ entries: 1, sizeBytes: own.sizeBytes });
    expect(await other.tier.getMany([own.key, tierEntry(one.clock, 'e1').key])).toEqual([own, undefined]);
    await Promise.all([one.tier.close(), other.tier.close()]);
  });

  test('forgets keys that another tier deleted, and gives them up no second time', async () => {
    const one = open({ driver, maxEntries: 10 });
    const other = open({ driver, directory: one.directory, maxEntries: 10 });
    for (let n = 0; n < 10; n++) await one.tier.set(tierEntry(one.clock, `e${n}`));
    await one.tier.flush();
    for (let n = 0; n < 9; n++) expect(await other.tier.delete(tierEntry(one.clock, `e${n}`).key)).toBe(true);
    await one.clock.advance(2_000);
    await one.tier.flush();
    for (let n = 0; n < 9; n++) await one.tier.set(tierEntry(one.clock, `f${n}`));
    expect(await one.tier.size()).toMatchObject({ entries: 10 });
    expect(await one.tier.getMany([tierEntry(one.clock, 'e9').key])).not.toEqual([undefined]);
    expect(one.tier.counters().evictions).toBe(0);
    await Promise.all([one.tier.close(), other.tier.close()]);
  });

  test('does not revive an entry when the clock is set back, and purges it before it closes', async () => {
    const clock = new SteppedClock();
    const { tier, directory, path } = open({ driver, clock });
    const entry = tierEntry(clock, 'a', {
      expiresAt: clock.epochMs() + 1_000,
      staleUntil: clock.epochMs() + 1_000,
    });
    await tier.set(entry);
    await tier.flush();
    await clock.advance(1_000);
    clock.stepMs = -500;
    expect(await tier.getMany([entry.key])).toEqual([undefined]);
    await tier.close();
    expect(await rowsIn(path, driver)).toBe(0);
    const next = open({ driver, directory, clock });
    expect(await next.tier.getMany([entry.key])).toEqual([undefined]);
    await next.tier.close();
  });

  test('expires an entry when the clock is set forward, for good', async () => {
    const clock = new SteppedClock();
    const { tier } = open({ driver, clock });
    const entry = tierEntry(clock, 'a');
    await tier.set(entry);
    clock.stepMs = 3_600_000;
    expect(await tier.getMany([entry.key])).toEqual([undefined]);
    clock.stepMs = 0;
    expect(await tier.getMany([entry.key])).toEqual([undefined]);
    expect(tier.counters()).toEqual({ evictions: 0, expirations: 1 });
    await tier.close();
  });

  test.each([
    ['no database', async () => Buffer.from('rubbish, and quite a lot of it: '.repeat(1_000))],
    ['a database cut short', async (path: string) => (await readFile(path)).subarray(0, 5_000)],
    [
      'a database with rubbish in the middle',
      async (path: string) => {
        const bytes = await readFile(path);
        return bytes.fill(0xee, 4_096, bytes.length);
      },
    ],
  ])('keeps a file that is %s under another name and starts a new one', async (_, spoil) => {
    const first = open({ driver });
    const entries = Array.from({ length: 50 }, (__, n) =>
      tierEntry(first.clock, `e${n}`, { payload: 'x'.repeat(2_000) }),
    );
    for (const entry of entries) await first.tier.set(entry);
    await first.tier.close();
    const spoilt = await spoil(first.path);
    await writeFile(first.path, spoilt);

    const { tier, problems, clock } = open({ driver, directory: first.directory });
    const found = await tier.getMany(entries.map(({ key }) => key)).catch(() => []);
    expect(found.filter((entry) => entry !== undefined)).toEqual([]);
    const entry = tierEntry(clock, 'new');
    await tier.set(entry);
    await tier.flush();
    expect(await tier.getMany([entry.key])).toEqual([entry]);
    expect(await tier.size()).toEqual({ entries: 1, sizeBytes: entry.sizeBytes });
    await tier.close();
    expect(await rowsIn(first.path, driver)).toBe(1);
    expect(problems.join()).toContain('cache.db.corrupt-2026-01-01T00-00-00-000Z');
    const kept = (await readdir(first.directory)).filter((file) =>
      /^cache\.db\.corrupt-[0-9TZ-]+$/.test(file),
    );
    // Compared as bytes: Jest compares number by number, which takes a second.
    expect((await readFile(join(first.directory, kept[0] as string))).equals(spoilt)).toBe(true);
  });

  test('makes a file anew that was deleted under way, and says so', async () => {
    const { tier, clock, directory, path, problems } = open({ driver });
    const [a, b] = [tierEntry(clock, 'a'), tierEntry(clock, 'b')];
    await tier.set(a);
    await tier.flush();
    for (const file of await readdir(directory)) await unlink(join(directory, file));
    await tier.set(b);
    expect(await tier.getMany([b.key])).toEqual([b]);
    await tier.flush();
    expect(await tier.getMany([a.key, b.key])).toEqual([undefined, b]);
    expect(await tier.size()).toEqual({ entries: 1, sizeBytes: b.sizeBytes });
    expect(problems).toEqual([expect.stringContaining('is gone')]);
    await tier.close();
    expect(await rowsIn(path, driver)).toBe(1);
  });

  test('makes its folder anew that was moved away under way', async () => {
    const { tier, clock, directory, path } = open({ driver });
    await tier.set(tierEntry(clock, 'a'));
    await tier.flush();
    await rename(directory, `${directory}-away`);
    await tier.set(tierEntry(clock, 'b'));
    await tier.flush();
    await tier.close();
    expect(await rowsIn(path, driver)).toBe(1);
    expect(await rowsIn(join(`${directory}-away`, 'cache.db'), driver)).toBe(1);
  });

  test('takes another file in its place for its own', async () => {
    const other = open({ driver });
    const { tier, clock, path, problems } = open({ driver });
    const theirs = tierEntry(clock, 'theirs');
    await other.tier.set(theirs);
    await other.tier.close();
    await tier.set(tierEntry(clock, 'a'));
    await tier.flush();
    await rename(other.path, path);
    await rm(`${path}-wal`, { force: true });
    await rm(`${path}-shm`, { force: true });
    await tier.set(tierEntry(clock, 'b'));
    await tier.flush();
    expect(await tier.getMany([theirs.key])).toEqual([theirs]);
    expect((await tier.size()).entries).toBe(2);
    expect(problems).toEqual([expect.stringContaining('is replaced')]);
    await tier.close();
  });

  test('goes on when its file is overwritten with rubbish under way', async () => {
    const { tier, clock, path, problems } = open({ driver });
    for (let n = 0; n < 50; n++) await tier.set(tierEntry(clock, `e${n}`, { payload: 'x'.repeat(2_000) }));
    await tier.flush();
    await writeFile(path, 'rubbish '.repeat(10_000));
    const entry = tierEntry(clock, 'new');
    await tier.set(entry);
    expect(await tier.getMany([entry.key])).toEqual([entry]);
    await tier.flush();
    expect(await tier.getMany([entry.key])).toEqual([entry]);
    expect(problems.join()).toContain('is rubbish');
    // What was in the log may come back, whole; it is counted like everything else.
    const held: string[] = [];
    for await (const { key } of tier.entries()) held.push(key);
    expect(held).toContain(entry.key);
    expect((await tier.size()).entries).toBe(held.length);
    await tier.close();
    expect(await rowsIn(path, driver)).toBe(held.length);
  });

  test('fails with an error where a file stands in place of its folder, and works once it is gone', async () => {
    const { tier, clock, directory, problems } = open({ driver });
    await writeFile(directory, '');
    const entry = tierEntry(clock, 'a');
    await tier.set(entry);
    await expect(tier.flush()).rejects.toMatchObject({ code: 'TUTTI_DATABASE', problem: 'cannot-open' });
    await expect(tier.getMany(['b'])).rejects.toMatchObject({ problem: 'cannot-open' });
    expect(await tier.getMany([entry.key])).toEqual([entry]);
    await expect(tier.flush()).rejects.toMatchObject({ problem: 'cannot-open' });
    expect(problems).toHaveLength(1);
    await unlink(directory);
    await clock.advance(1_000);
    await until(async () => (await tier.size()).entries === 1);
    await tier.close();
  });

  test('reports a disk that is read-only and goes on in memory', async () => {
    await onSmallDisk('1m', async (directory) => {
      const before = open({ driver, directory: join(directory, 'cache') });
      await before.tier.set(tierEntry(before.clock, 'a'));
      await before.tier.close();
      execFileSync('mount', ['-o', 'remount,ro', directory]);
      const { tier, clock } = open({ driver, directory: join(directory, 'cache') });
      const entry = tierEntry(clock, 'b');
      await tier.set(entry);
      await expect(tier.flush()).rejects.toMatchObject({ code: 'TUTTI_DATABASE' });
      expect(await tier.getMany([entry.key])).toEqual([entry]);
      await expect(tier.close()).rejects.toMatchObject({ code: 'TUTTI_DATABASE' });
    });
  });

  test('reports a disk that is full, serves what it has, and writes again when there is room', async () => {
    await onSmallDisk('1m', async (directory) => {
      const filler = join(directory, 'filler');
      const { tier, clock, problems } = open({ driver, directory: join(directory, 'cache') });
      const kept = tierEntry(clock, 'kept');
      await tier.set(kept);
      await tier.flush();
      await writeFile(filler, Buffer.alloc(2_000_000)).catch(() => {});
      const late = tierEntry(clock, 'late', { payload: 'x'.repeat(100_000) });
      await tier.set(late);
      await expect(tier.flush()).rejects.toMatchObject({ code: 'TUTTI_DATABASE' });
      expect(await tier.getMany([kept.key, late.key])).toEqual([kept, late]);
      expect(problems).toEqual([expect.stringContaining('cannot write')]);
      await unlink(filler);
      await tier.flush();
      expect(await tier.size()).toEqual({ entries: 2, sizeBytes: kept.sizeBytes + late.sizeBytes });
      await tier.close();
    });
  });
});

describe('DiskTier when its database misbehaves', () => {
  /** A database that fails when it is told to. */
  async function failing(): Promise<{
    options: Partial<DiskTierOptions>;
    state: FailingState;
  }> {
    const state: FailingState = { error: undefined, refused: 0 };
    const openFailing: DiskTierOptions['open'] = async (path, options) => {
      const database = await openDatabase(path, options);
      return faultyDatabase(database, (sql) => {
        if (state.error === undefined || /^\s*(SELECT|ROLLBACK)/.test(sql)) return undefined;
        state.refused++;
        return state.error;
      });
    };
    return { options: { open: openFailing }, state };
  }

  test('keeps what it could not write, and tries again ever more rarely until it can', async () => {
    const { options, state } = await failing();
    const { tier, clock, path, problems } = open(options);
    await tier.size();
    state.error = new DatabaseError('full', 'x', 'full');
    const entry = tierEntry(clock, 'a');
    await tier.set(entry);
    tier.touch(entry.key, 1);
    await clock.advance(25);
    await until(async () => problems.length > 0);
    for (const waitMs of [250, 500, 1_000]) {
      const before = state.refused;
      await clock.advance(waitMs - 1);
      expect(state.refused).toBe(before);
      await clock.advance(1);
      await until(async () => state.refused > before && clock.pendingTimers > 0);
    }
    expect(problems).toEqual([expect.stringContaining('cannot write')]);
    expect((await tier.getMany([entry.key]))[0]).toEqual({ ...entry, hits: 1 });
    state.error = undefined;
    await clock.advance(2_000);
    await until(async () => (await rowsIn(path)) === 1);
    await tier.close();
  });

  test('refuses more than it may hold back while it cannot write', async () => {
    const { options, state } = await failing();
    const { tier, clock } = open({ ...options, maxQueuedBytes: 10_000 });
    await tier.size();
    state.error = new DatabaseError('full', 'x', 'full');
    await tier.set(tierEntry(clock, 'first'));
    await expect(tier.flush()).rejects.toBe(state.error);
    const sets = Array.from({ length: 30 }, async (_, n) =>
      tier.set(tierEntry(clock, `e${n}`, { payload: 'x'.repeat(1_000) })),
    );
    const refused = (await Promise.allSettled(sets)).filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(15);
    expect(refused[0]).toMatchObject({ reason: { code: 'TUTTI_CACHE_STORE', operation: 'set' } });
    state.error = undefined;
    await tier.close();
  });

  test('holds back 16 MiB where nothing else is said', async () => {
    const { tier, clock } = open();
    const entry = (n: number, sizeBytes: number) => ({ ...tierEntry(clock, `e${n}`), sizeBytes });
    for (let n = 0; n < 16; n++) expect(tier.set(entry(n, 1_048_576))).toBeUndefined();
    const waiting = tier.set(entry(16, 1));
    expect(waiting).toBeDefined();
    await waiting;
    await tier.close();
  });

  test('makes whoever sets too much wait until there is room, and loses nothing', async () => {
    const { tier, clock } = open({ maxQueuedBytes: 10_000 });
    for (let n = 0; n < 100; n++) await tier.set(tierEntry(clock, `e${n}`, { payload: 'x'.repeat(1_000) }));
    expect((await tier.size()).entries).toBe(100);
    await tier.close();
  });
});

interface FailingState {
  error: Error | undefined;
  refused: number;
}

/** A clock whose date can be set, as an administrator would. */
class SteppedClock extends FakeClock {
  stepMs = 0;

  override epochMs(): number {
    return super.epochMs() + this.stepMs;
  }
}

/** Real files take real time. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 4_000;
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > endMs) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs on a disk of its own; says so where that is not allowed. */
async function onSmallDisk(size: string, body: (directory: string) => Promise<void>): Promise<void> {
  const directory = join(root, `disk-${count++}`);
  await mkdir(directory);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { stdio: 'ignore' });
  } catch {
    console.warn('NOT TESTED: a disk of its own cannot be mounted here.');
    return;
  }
  try {
    await body(directory);
  } finally {
    execFileSync('umount', ['-l', directory]);
  }
}
