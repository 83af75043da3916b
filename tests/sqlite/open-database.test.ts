// Covers: src/sqlite/process-claims.ts, src/sqlite/sqlite3.ts
// Covers: src/sqlite/keyv-driver.ts
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DatabaseError } from '../../src/errors/storage-errors.js';
import { openDatabase } from '../../src/sqlite/open-database.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { inBuild } from '../processes/current-build.js';
import { describeDrivers } from './drivers.js';

let root: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-sqlite-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const freshPath = (): string => join(root, `folder-${count++}`, 'test.db');

async function problemOf(work: Promise<unknown>): Promise<DatabaseError> {
  try {
    await work;
  } catch (error) {
    expect(error).toBeInstanceOf(DatabaseError);
    return error as DatabaseError;
  }
  throw new Error('it worked');
}

await describeDrivers('openDatabase', (driver) => {
  test('makes the folder and the file for their owner alone, with a write-ahead log', async () => {
    const path = freshPath();
    const database = await openDatabase(path, { driver });
    await database.query('CREATE TABLE t (a, b)');
    await database.query('INSERT INTO t VALUES (?, ?)', ['x', 1.5]);
    expect(await database.query('SELECT a, b FROM t')).toEqual([{ a: 'x', b: 1.5 }]);
    expect(await database.query('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
    expect(await database.query('PRAGMA synchronous')).toEqual([{ synchronous: 1 }]);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    const files = await readdir(dirname(path));
    expect(files.sort()).toEqual(['test.db', 'test.db-shm', 'test.db-wal']);
    for (const file of files) expect((await stat(join(dirname(path), file))).mode & 0o777).toBe(0o600);
    expect(database.driver).toBe(driver);
    expect(database.sqliteVersion).toMatch(/^3\.\d+\.\d+$/);
    await database.close();
  });

  test('narrows a file that others could read', async () => {
    const path = freshPath();
    await mkdir(dirname(path));
    await writeFile(path, '', { mode: 0o644 });
    await (await openDatabase(path, { driver })).close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('keeps what was written, bytes, nulls and Unicode included', async () => {
    const path = freshPath();
    const first = await openDatabase(path, { driver, synchronous: 'full' });
    await first.query('CREATE TABLE t (a, b, c)');
    // node:sqlite of Node 22 ends a text at its first NUL; what is stored here is JSON, which writes none.
    const text = driver === 'node-sqlite' ? 'ünï💥' : 'ünï\u0000💥';
    await first.query('INSERT INTO t VALUES (?, ?, ?)', [text, new Uint8Array([0, 255]), null]);
    await first.close();
    const second = await openDatabase(path, { driver, check: 'header' });
    const [row] = await second.query<{ a: string; b: Uint8Array; c: null }>('SELECT * FROM t');
    expect(row?.a).toBe(text);
    expect([...(row?.b ?? [])]).toEqual([0, 255]);
    expect(row?.c).toBeNull();
    await second.close();
  });

  test('writes in the order of the calls, without waiting for them', async () => {
    const database = await openDatabase(freshPath(), { driver });
    await database.query('CREATE TABLE t (id INTEGER PRIMARY KEY, value)');
    const writes = Array.from({ length: 300 }, (_, value) =>
      database.query('INSERT OR REPLACE INTO t VALUES (1, ?)', [value]),
    );
    await Promise.all(writes);
    expect(await database.query('SELECT value FROM t')).toEqual([{ value: 299 }]);
    await database.close();
  });

  test('goes on after a statement that failed, and says what was wrong', async () => {
    const database = await openDatabase(freshPath(), { driver });
    const failed = problemOf(database.query('INSERT INTO nowhere VALUES (1)'));
    const made = database.query('CREATE TABLE t (a)');
    expect((await failed).problem).toBe('statement');
    expect((await failed).message).toContain('nowhere');
    await made;
    expect(await database.query('SELECT count(*) AS n FROM t')).toEqual([{ n: 0 }]);
    await database.close();
  });

  test('returns rows of a statement that writes', async () => {
    const database = await openDatabase(freshPath(), { driver });
    await database.query('CREATE TABLE t (a)');
    expect(await database.query("INSERT INTO t VALUES ('x'), ('y') RETURNING a")).toEqual([
      { a: 'x' },
      { a: 'y' },
    ]);
    await database.close();
  });

  test('reads again and again what was written before, with writes beside it', async () => {
    const database = await openDatabase(freshPath(), { driver });
    await database.query('CREATE TABLE t (key TEXT PRIMARY KEY, value INTEGER)');
    const select = 'SELECT value FROM t WHERE key = ?';
    for (let value = 0; value < 100; value++) {
      await database.query('INSERT OR REPLACE INTO t VALUES (?, ?)', ['a', value]);
      const beside = database.query('INSERT OR REPLACE INTO t VALUES (?, ?)', ['b', value]);
      expect(await database.read(select, ['a'])).toEqual([{ value }]);
      expect(await database.read(select, ['none'])).toEqual([]);
      await beside;
    }
    expect((await problemOf(database.read('SELECT mistake FROM t'))).problem).toBe('statement');
    await database.close();
  });

  test('opens a database without a file', async () => {
    const database = await openDatabase(':memory:', { driver });
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await database.read('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await database.fileState()).toBe('ok');
    await database.close();
  });

  test('waits for what is running before it closes, closes once, and refuses afterwards', async () => {
    const database = await openDatabase(freshPath(), { driver });
    await database.query('CREATE TABLE t (a)');
    const write = database.query('INSERT INTO t VALUES (1)');
    const read = Promise.all([database.query('SELECT 1 AS one'), database.read('SELECT 1 AS one')]);
    const closing = database.close();
    expect(database.close()).toBe(closing);
    await closing;
    await write;
    await read;
    expect((await problemOf(database.query('SELECT 1'))).problem).toBe('closed');
    expect((await problemOf(database.read('SELECT 1'))).problem).toBe('closed');
  });

  test.each([
    ['rubbish', Buffer.from('this is no database, it only has its name '.repeat(100))],
    ['a few bytes', Buffer.from('SQL')],
    [
      'a header and nothing behind it',
      Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(5_000, 7)]),
    ],
  ])('refuses a file that holds %s', async (_, bytes) => {
    const path = freshPath();
    await mkdir(dirname(path));
    await writeFile(path, bytes);
    expect((await problemOf(openDatabase(path, { driver }))).problem).toBe('corrupt');
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  test('finds a page that was overwritten', async () => {
    const path = freshPath();
    await breakMiddle(path);
    expect((await problemOf(openDatabase(path, { driver }))).problem).toBe('corrupt');
  });

  test('moves a corrupt file aside with the date in its name, and opens a new one', async () => {
    const path = freshPath();
    const broken = await breakMiddle(path);
    await writeFile(join(dirname(path), 'mine.json'), '{}');
    const database = await openDatabase(path, { driver, ifUnusable: 'move-aside', clock: new FakeClock() });
    expect(database.movedAside).toEqual({
      path: `${path}.corrupt-2026-01-01T00-00-00-000Z`,
      reason: 'corrupt',
    });
    expect((await readFile(database.movedAside?.path ?? '')).equals(broken)).toBe(true);
    expect(await database.query("SELECT count(*) AS n FROM sqlite_master WHERE name = 't'")).toEqual([
      { n: 0 },
    ]);
    expect(await readdir(dirname(path))).toContain('mine.json');
    await database.close();
  });

  test('notices when its file is gone, replaced or overwritten', async () => {
    const path = freshPath();
    const database = await openDatabase(path, { driver });
    expect(await database.fileState()).toBe('ok');
    await rename(path, `${path}.away`);
    expect(await database.fileState()).toBe('gone');
    await writeFile(path, '');
    expect(await database.fileState()).toBe('replaced');
    await rename(`${path}.away`, path);
    expect(await database.fileState()).toBe('ok');
    await writeFile(path, 'rubbish, more than sixteen bytes of it');
    expect(await database.fileState()).toBe('rubbish');
    await database.close();
  });

  test('fails with an error where a file stands in place of the folder', async () => {
    const path = freshPath();
    await writeFile(dirname(path), '');
    expect((await problemOf(openDatabase(path, { driver }))).problem).toBe('cannot-open');
  });

  test('fails with an error where a folder stands in place of the file', async () => {
    const path = freshPath();
    await mkdir(path, { recursive: true });
    expect((await problemOf(openDatabase(path, { driver, ifUnusable: 'move-aside' }))).problem).toBe(
      'cannot-open',
    );
  });

  test('lets several connections start and write together', async () => {
    const path = freshPath();
    const databases = await Promise.all(Array.from({ length: 4 }, () => openDatabase(path, { driver })));
    await databases[0]?.query('CREATE TABLE t (a)');
    const writes = databases.flatMap((database) =>
      Array.from({ length: 25 }, (_, value) => database.query('INSERT INTO t VALUES (?)', [value])),
    );
    await Promise.all(writes);
    expect(await databases[1]?.query('SELECT count(*) AS n FROM t')).toEqual([{ n: 100 }]);
    await Promise.all(databases.map((database) => database.close()));
  });

  test('keeps its locks when another database on the same file is opened and closed beside it', async () => {
    const path = freshPath();
    const holder = await openDatabase(path, { driver });
    await holder.query('CREATE TABLE t (a)');
    await holder.query('BEGIN IMMEDIATE');
    await (await openDatabase(path, { driver, check: 'header' })).close();
    await holder.fileState();
    const script = `
      import { openDatabase } from ${JSON.stringify(inBuild('parts/sqlite/open-database.js'))};
      const database = await openDatabase(process.argv[1], { driver: '${driver}', busyTimeoutMs: 50, check: 'header' });
      const error = await database.query('INSERT INTO t VALUES (1)').catch((thrown) => thrown);
      console.log(error.problem);
      const [row] = await database.query('PRAGMA journal_mode=DELETE').catch((thrown) => [thrown]);
      console.log(row.journal_mode ?? row.problem);
      await database.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      script,
      path,
    ]);
    expect(stdout).toBe('busy\nbusy\n');
    await holder.query('COMMIT');
    await holder.close();
  });

  test('gives up with an error that can pass when another connection keeps its lock', async () => {
    const path = freshPath();
    const holder = await openDatabase(path, { driver });
    await holder.query('CREATE TABLE t (a)');
    const other = await openDatabase(path, { driver, busyTimeoutMs: 30 });
    await holder.query('BEGIN IMMEDIATE');
    const error = await problemOf(other.query('INSERT INTO t VALUES (1)'));
    expect(error).toMatchObject({ problem: 'busy', retryable: true });
    await holder.query('COMMIT');
    await other.query('INSERT INTO t VALUES (1)');
    await Promise.all([holder.close(), other.close()]);
  });

  /** A database with a table `t` whose middle was overwritten with rubbish. */
  async function breakMiddle(path: string): Promise<Buffer> {
    const database = await openDatabase(path, { driver });
    await database.query('CREATE TABLE t (a)');
    for (let row = 0; row < 40; row++) await database.query('INSERT INTO t VALUES (?)', ['x'.repeat(1_000)]);
    await database.close();
    const bytes = await readFile(path);
    bytes.fill(0xee, 4_096, bytes.length - 4_096);
    await writeFile(path, bytes);
    return bytes;
  }
});

describe('openDatabase without a driver', () => {
  const load = async (): Promise<never> => {
    throw Object.assign(new Error("Cannot find package '@keyv/sqlite'"), { code: 'ERR_MODULE_NOT_FOUND' });
  };

  test('names the cures, for any driver and for a certain one', async () => {
    const any = await problemOf(openDatabase(freshPath(), { load }));
    expect(any).toMatchObject({ problem: 'driver-missing', code: 'TUTTI_DATABASE' });
    for (const cure of [
      'npm install @keyv/sqlite',
      'npm rebuild sqlite3',
      'pnpm approve-builds',
      'Node 22.13',
    ]) {
      expect(any.message).toContain(cure);
    }
    expect(any.cause).toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' });
    const keyv = await problemOf(openDatabase(freshPath(), { load, driver: 'keyv-sqlite' }));
    expect(keyv.message).not.toContain('22.13');
    const node = await problemOf(
      openDatabase(freshPath(), { load: async () => undefined, driver: 'node-sqlite' }),
    );
    expect(node.message).not.toContain('npm install');
  });
});
