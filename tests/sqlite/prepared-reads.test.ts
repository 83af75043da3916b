import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Database, openDatabase } from '../../src/sqlite/open-database.js';
import { PreparedReads } from '../../src/sqlite/prepared-reads.js';

let folder: string;
let path: string;
let database: Database;
let reads: PreparedReads;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-reads-'));
  path = join(folder, 'reads.db');
  database = await openDatabase(path, { driver: 'keyv-sqlite' });
  await database.query('CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT)');
  reads = new PreparedReads({ path, busyTimeoutMs: 1_000 });
});
afterEach(async () => {
  await reads.close();
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const SELECT = 'SELECT value FROM entries WHERE key = ?';

/** Asks until the statement is prepared. */
async function prepared(sql: string, params: string[]): Promise<unknown> {
  for (;;) {
    const rows = reads.read(sql, params);
    if (rows !== undefined) return rows;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('PreparedReads', () => {
  test('has nothing to give until its statement is prepared, then what the table holds', async () => {
    await database.query("INSERT INTO entries VALUES ('a', 'first')");
    expect(reads.read(SELECT, ['a'])).toBeUndefined();
    expect(await prepared(SELECT, ['a'])).toEqual([{ value: 'first' }]);
    expect(await reads.read(SELECT, ['b'])).toEqual([]);
  });

  test('sees everything that was written before it was asked', async () => {
    await prepared(SELECT, ['a']);
    for (let count = 0; count < 50; count++) {
      await database.query('INSERT OR REPLACE INTO entries VALUES (?, ?)', ['a', String(count)]);
      expect(await reads.read(SELECT, ['a'])).toEqual([{ value: String(count) }]);
    }
  });

  test('gives each of many at once its own rows', async () => {
    for (let count = 0; count < 100; count++)
      await database.query('INSERT INTO entries VALUES (?, ?)', [`key ${count}`, `value ${count}`]);
    await prepared(SELECT, ['a']);
    const found = await Promise.all(
      Array.from({ length: 100 }, async (_, count) => reads.read(SELECT, [`key ${count}`])),
    );
    expect(found).toEqual(Array.from({ length: 100 }, (_, count) => [{ value: `value ${count}` }]));
  });

  test('does not keep the log from being written back', async () => {
    await database.query("INSERT INTO entries VALUES ('a', 'first')");
    await prepared(SELECT, ['a']);
    const [done] = await database.query('PRAGMA wal_checkpoint(TRUNCATE)');
    expect(done).toMatchObject({ busy: 0, log: 0 });
  });

  test('cannot write', async () => {
    await expect(prepared("DELETE FROM entries WHERE key = 'a'", [])).rejects.toMatchObject({
      code: 'SQLITE_READONLY',
    });
  });

  test('says when reading fails', async () => {
    await expect(prepared("SELECT json_extract(?, '$')", ['{'])).rejects.toMatchObject({
      code: 'SQLITE_ERROR',
    });
  });

  test('leaves a statement with a mistake to others', async () => {
    expect(reads.read('SELECT mistake FROM entries', [])).toBeUndefined();
    await prepared(SELECT, ['a']);
    expect(reads.read('SELECT mistake FROM entries', [])).toBeUndefined();
    await expect(database.read('SELECT mistake FROM entries')).rejects.toMatchObject({
      problem: 'statement',
    });
  });

  test('does without a library that cannot be loaded, and tries it once', async () => {
    let loads = 0;
    const without = new PreparedReads({
      path,
      busyTimeoutMs: 1_000,
      load: () => {
        loads++;
        throw new Error('no bindings');
      },
    });
    expect(without.read(SELECT, ['a'])).toBeUndefined();
    await new Promise((resolve) => setImmediate(resolve));
    expect(without.read(SELECT, ['a'])).toBeUndefined();
    expect(without.read('SELECT 1', [])).toBeUndefined();
    expect(loads).toBe(1);
    await without.close();
  });

  test('does without a file that cannot be opened', async () => {
    const without = new PreparedReads({ path: join(folder, 'none', 'none.db'), busyTimeoutMs: 1_000 });
    expect(without.read(SELECT, ['a'])).toBeUndefined();
    await without.close();
  });

  test('closes while it opens', async () => {
    const early = new PreparedReads({ path, busyTimeoutMs: 1_000 });
    expect(early.read(SELECT, ['a'])).toBeUndefined();
    await early.close();
    expect(early.read(SELECT, ['a'])).toBeUndefined();
  });
});
