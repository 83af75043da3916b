// Covers: src/input/own-folder.ts, src/sqlite/inspection.ts, src/sqlite/sqlite3.ts, src/cache/tiers/disk/disk-schema.ts
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ResponseCacheOptions } from '../../src/cache/cache-options.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { DiskTier } from '../../src/cache/tiers/disk/disk-tier.js';
import type { SqliteDriverName } from '../../src/sqlite/driver.js';
import { networkFileSystemOf } from '../../src/sqlite/network-file-system.js';
import { openDatabase } from '../../src/sqlite/open-database.js';
import { tierEntry } from '../../src/testing/cache-tier-suite.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { describeDrivers } from '../sqlite/drivers.js';

const secret = 'a secret of enough bytes';
const request = { agent: 'expert', task: 't' };
let folder: string;
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-others-'));
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Uses a cache there as a program would; returns what the second call came from. */
async function use(directory: string, options: ResponseCacheOptions = {}): Promise<unknown> {
  const warn = (_: unknown, message?: string) => void warnings.push(message ?? '');
  const logger = { debug() {}, info() {}, warn, error: warn };
  const cache = new ResponseCache({ directory, secret, logger, ...options });
  expect((await cache.getOrCompute(request, () => 'mine')).output).toBe('mine');
  await cache.flush();
  const { cached } = await cache.getOrCompute(request, () => 'mine');
  await cache.close();
  return cached;
}

interface Application {
  readonly name: string;
  readonly statements: readonly string[];
  /** Leaves what was written in the log, as a program that is running or was killed does. */
  readonly isOpen?: boolean;
}

const APPLICATIONS: readonly Application[] = [
  {
    name: 'tables of its own',
    statements: ['CREATE TABLE bookmarks (url TEXT)', "INSERT INTO bookmarks VALUES ('x')"],
  },
  { name: 'an application id', statements: ['PRAGMA application_id=1196444487', 'CREATE TABLE gpkg (a)'] },
  {
    name: 'a version of its own and no table',
    statements: ['PRAGMA user_version=7', 'CREATE TABLE t (a)', 'DROP TABLE t'],
  },
  {
    name: 'tables beside one that is called as ours',
    statements: ['CREATE TABLE tutti_cache_entries (key TEXT)', 'CREATE TABLE mine (a)'],
  },
  {
    name: 'tables that are in its log only',
    statements: ['PRAGMA journal_mode=WAL', 'CREATE TABLE bookmarks (url TEXT)'],
    isOpen: true,
  },
];

await describeDrivers("another application's database as cache.db", (driver: SqliteDriverName) => {
  test.each(APPLICATIONS)('with $name is left as it is, and calls go on', async ({ statements, isOpen }) => {
    const path = join(folder, 'cache.db');
    const database = await openDatabase(':memory:', { driver });
    await database.close();
    const owner = isOpen === true ? await openPlain(path, driver) : undefined;
    for (const statement of statements) {
      if (owner !== undefined) await owner.query(statement);
      else await onPlain(path, driver, statement);
    }
    chmodSync(path, 0o644);
    const before = readFileSync(path);
    const files = readdirSync(folder).sort();
    const tier = new DiskTier({ directory: folder, driver, maxSizeBytes: 1e6 });
    await tier.set(tierEntry(new FakeClock(), 'a'));
    await expect(tier.flush()).rejects.toMatchObject({ problem: 'foreign' });
    await tier.close().catch(() => {});
    expect(await use(folder)).toBe('memory');
    expect(warnings.join()).toContain('is a database of another application');
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder).sort()).toEqual(files);
    await owner?.close();
  });

  test.each([
    ['from before there was one', ['CREATE TABLE tutti_cache_entries (key TEXT PRIMARY KEY, value BLOB)']],
    [
      'from a later library',
      ['PRAGMA application_id=1953854580', 'PRAGMA user_version=999', 'CREATE TABLE tutti_new (a)'],
    ],
  ])('a cache file of a version %s is moved aside with one warning', async (_, statements) => {
    const path = join(folder, 'cache.db');
    for (const statement of statements) await onPlain(path, driver, statement);
    const before = readFileSync(path);
    expect(await use(folder)).toBe('memory');
    expect(warnings).toEqual([
      expect.stringContaining('was written by another version of this library; it is kept as'),
    ]);
    const kept = readdirSync(folder).find((name) => name.startsWith('cache.db.version-')) as string;
    expect(readFileSync(join(folder, kept)).equals(before)).toBe(true);
    expect(await use(folder)).toBe('memory');
    expect(warnings).toHaveLength(1);
  });
});

/** As another program would open it. */
async function openPlain(path: string, driver: SqliteDriverName) {
  const { loadDriver, loadLibrary } = await import('../../src/sqlite/open-driver.js');
  if (driver === 'node-sqlite') {
    const connection = await (await loadDriver({ path, driver, load: loadLibrary })).open(path, 100);
    return { query: (sql: string) => connection.query(sql, []), close: () => connection.close() };
  }
  const { loadSqlite3 } = await import('../../src/sqlite/sqlite3.js');
  const { Database } = loadSqlite3();
  const made = await new Promise<InstanceType<typeof Database>>((done) => {
    const connection = new Database(path, 6, () => done(connection));
  });
  return {
    query: (sql: string) =>
      new Promise<void>((done, failed) => {
        made.all(sql, [], (error) => (error === null ? done() : failed(error)));
      }),
    close: () => new Promise<void>((done) => void made.close(() => done())),
  };
}

async function onPlain(path: string, driver: SqliteDriverName, sql: string): Promise<void> {
  const database = await openPlain(path, driver);
  await database.query(sql);
  await database.close();
}

describe('links', () => {
  test.each(['a database', 'nothing', 'a device'])(
    'a cache.db that is a link to %s is neither followed nor written',
    async (what) => {
      const [directory, target] = [join(folder, 'cache'), join(folder, 'target.db')];
      mkdirSync(directory);
      if (what === 'a database') {
        await onPlain(target, 'keyv-sqlite', 'CREATE TABLE tutti_cache_entries (a)');
        chmodSync(target, 0o644);
      }
      const leadsTo = what === 'a device' ? '/dev/full' : target;
      symlinkSync(leadsTo, join(directory, 'cache.db'));
      const before = what === 'a database' ? readFileSync(target) : undefined;
      expect(await use(directory)).toBe('memory');
      expect(warnings.join()).toContain('it is a symbolic link');
      expect(lstatSync(join(directory, 'cache.db')).isSymbolicLink()).toBe(true);
      expect(readdirSync(directory)).toEqual(['cache.db']);
      if (before === undefined) return;
      expect(readFileSync(target).equals(before)).toBe(true);
      expect(statSync(target).mode & 0o777).toBe(0o644);
    },
  );

  test('a folder below a link that leads elsewhere is not used; one that is a link itself is', async () => {
    const [mine, elsewhere] = [join(folder, 'mine'), join(folder, 'elsewhere')];
    for (const each of [mine, elsewhere]) mkdirSync(each);
    symlinkSync(elsewhere, join(mine, 'link'));
    expect(await use(join(mine, 'link', 'cache'))).toBe('memory');
    expect(warnings.join()).toMatch(/is not used: ".*link" on its way is a link that leads to ".*elsewhere"/);
    expect(readdirSync(elsewhere)).toEqual([]);
    expect(await use(join(mine, 'link'))).toBe('memory');
    expect(readdirSync(elsewhere)).toEqual(['cache.db']);
  });

  test('a link inside its parent may be on the way', async () => {
    mkdirSync(join(folder, 'releases', '5'), { recursive: true });
    symlinkSync(join(folder, 'releases', '5'), join(folder, 'current'));
    await use(join(folder, 'current', 'cache'));
    expect(warnings).toEqual([]);
    expect(readdirSync(join(folder, 'releases', '5', 'cache'))).toEqual(['cache.db']);
  });

  test.each([
    ['out of rootDirectory', (outside: string) => outside],
    ['into a folder of the system', () => '/etc'],
  ])('a folder that leads %s is not used', async (_, targetOf) => {
    const [root, outside] = [join(folder, 'root'), join(folder, 'outside')];
    for (const each of [root, outside]) mkdirSync(each);
    symlinkSync(targetOf(outside), join(root, 'cache'));
    expect(await use(join(root, 'cache'), { rootDirectory: root })).toBe('memory');
    expect(warnings.join()).toMatch(/is not used: it leads to/);
    expect(readdirSync(outside)).toEqual([]);
    expect(statSync('/etc').isDirectory() && readdirSync('/etc').includes('cache.db')).toBe(false);
  });
});

/** How long a column is made, in bytes; 300 MB when it is to be shown thoroughly. */
const ROW_BYTES = Number(process.env.TUTTI_TEST_ROW_BYTES ?? 40_000_000);

describe('columns of hundreds of megabytes', () => {
  const path = () => join(folder, 'cache.db');
  const shell = (sql: string) =>
    execFileSync(process.execPath, [
      '-e',
      `const { createRequire } = require('module');
       const sqlite3 = createRequire(require.resolve('@keyv/sqlite'))('sqlite3');
       const db = new sqlite3.Database(process.argv[1]);
       db.exec(process.argv[2], (error) => { if (error) { console.error(error.message); process.exit(1); } db.close(); });`,
      path(),
      sql,
    ]);

  test('cost no memory, whichever column it is, and no other answer', async () => {
    const columns = [
      'used_at',
      'hits',
      'size_bytes',
      'stale_until',
      'expires_at',
      'cost_usd',
      'agent',
      'tags',
      'writer',
      'origin',
      'signature',
      'payload',
      'key',
    ];
    const ask = (task: string) => ({ agent: 'expert', task });
    // Less than a column: what an entry may hold is read.
    const limits = { directory: folder, secret, maxSizeBytes: ROW_BYTES / 4 };
    const first = new ResponseCache(limits);
    for (const task of [...columns, 'sound']) await first.set(ask(task), { output: task }, { tags: ['t'] });
    const keyOf = (task: string) => first.key(ask(task));
    await first.close();
    for (const column of columns) {
      // One at a time: the file would not fit here otherwise.
      const value =
        column === 'cost_usd' || column === 'payload'
          ? `zeroblob(${ROW_BYTES})`
          : `CAST(zeroblob(${ROW_BYTES}) AS TEXT)`;
      shell(`CREATE TABLE IF NOT EXISTS spare AS SELECT * FROM tutti_cache_entries;
        UPDATE tutti_cache_entries SET ${column} = ${value} WHERE key = '${keyOf(column)}'`);
      const cache = new ResponseCache(limits);
      await cache.get(ask('sound'));
      const before = process.memoryUsage().rss;
      const hit = await cache.get(ask(column));
      expect([column, hit?.output]).toEqual([column, undefined]);
      await cache.getMany([ask(column), ask('sound')]);
      const grown = process.memoryUsage().rss - before;
      expect([column, grown < ROW_BYTES / 2]).toEqual([column, true]);
      expect((await cache.get(ask('sound')))?.output).toBe('sound');
      await cache.close();
      shell(
        `DELETE FROM tutti_cache_entries; INSERT INTO tutti_cache_entries SELECT * FROM spare; DROP TABLE spare; VACUUM`,
      );
    }
  }, 240_000);
});

describe('network file systems', () => {
  test.each([
    [0x6969, 'NFS'],
    [-11_317_950, 'CIFS'],
    [0xfe534d42, 'SMB2'],
    [0x01021997, '9P'],
    [0xef53, undefined],
    [0x01021994, undefined],
  ])('type %i is %s', async (type, name) => {
    expect(await networkFileSystemOf('/', async () => ({ type }))).toBe(name);
  });

  test('are warned of once, and nothing is said where it cannot be told', async () => {
    expect(await networkFileSystemOf(join(folder, 'nowhere'))).toBeUndefined();
    expect(await networkFileSystemOf(folder)).toBeUndefined();
    const problems: string[] = [];
    const tier = new DiskTier({
      directory: folder,
      maxSizeBytes: 1e6,
      onProblem: ({ message }) => problems.push(message),
      networkFileSystem: async () => 'NFS',
    });
    await tier.size();
    rmSync(join(folder, 'cache.db'));
    await tier.size();
    expect(problems.filter((message) => message.includes('network file system (NFS)'))).toHaveLength(1);
    await tier.close();
  });
});

test('a text file in the place of the cache is kept, as it was', async () => {
  writeFileSync(join(folder, 'cache.db'), 'mine', { mode: 0o644 });
  expect(await use(folder)).toBe('memory');
  const kept = readdirSync(folder).find((name) => name.startsWith('cache.db.corrupt-')) as string;
  expect(readFileSync(join(folder, kept), 'utf8')).toBe('mine');
  expect(statSync(join(folder, kept)).mode & 0o777).toBe(0o644);
});
