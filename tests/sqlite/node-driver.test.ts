import { describe, expect, test } from '@jest/globals';
import { retryWhileBusy } from '../../src/sqlite/busy.js';
import type { SqlRow, SqlValue } from '../../src/sqlite/driver.js';
import { type NodeSqliteModule, openNodeDriver } from '../../src/sqlite/node-driver.js';

const busy = () => Object.assign(new Error('database is locked'), { code: 'ERR_SQLITE_ERROR', errcode: 261 });

/** Stands in for node:sqlite, which the oldest supported Node does not have: counts, and is busy when told to. */
function fakeLibrary() {
  const error = undefined as Error | undefined;
  const state = { prepared: [] as string[], busyTimes: 0, closed: 0, tookMs: 0, error };
  class FakeDatabaseSync {
    prepare(sql: string) {
      state.prepared.push(sql);
      return {
        all: (...params: SqlValue[]): SqlRow[] => {
          const startedMs = performance.now();
          while (performance.now() - startedMs < state.tookMs);
          if (state.error !== undefined) throw state.error;
          if (state.busyTimes-- > 0) throw busy();
          return [{ sql, params: params.join() }];
        },
      };
    }
    exec(): void {}
    close(): void {
      state.closed++;
    }
  }
  return { library: { DatabaseSync: FakeDatabaseSync } satisfies NodeSqliteModule, state };
}

describe('openNodeDriver', () => {
  test('prepares a statement once, and gives up the oldest of very many', async () => {
    const { library, state } = fakeLibrary();
    const driver = await openNodeDriver(library, 'x', 100);
    state.prepared.length = 0;
    for (let round = 0; round < 3; round++) {
      expect(await driver.query('SELECT ?', [round])).toEqual([{ sql: 'SELECT ?', params: String(round) }]);
    }
    expect(state.prepared).toEqual(['SELECT ?']);
    for (let n = 0; n < 64; n++) await driver.query(`SELECT ${n}`, []);
    await driver.query('SELECT ?', [1]);
    expect(state.prepared.filter((sql) => sql === 'SELECT ?')).toHaveLength(2);
    await driver.close();
    expect(state.closed).toBe(1);
  });

  test('tries again while another connection holds the file', async () => {
    const { library, state } = fakeLibrary();
    const driver = await openNodeDriver(library, 'x', 1_000);
    state.busyTimes = 3;
    expect(await driver.query('SELECT 1', [])).toHaveLength(1);
    state.busyTimes = Number.POSITIVE_INFINITY;
    const impatient = await openNodeDriver(fakeLibrary().library, 'x', 10);
    expect(await impatient.query('SELECT 1', [])).toHaveLength(1);
    await expect(retryWhileBusy(() => Promise.reject(busy()), 10)).rejects.toThrow('locked');
  });

  test('rejects for a statement that takes long and then fails', async () => {
    const { library, state } = fakeLibrary();
    const driver = await openNodeDriver(library, 'x', 50);
    state.tookMs = 2;
    expect(await driver.query('SELECT 1', [])).toHaveLength(1);
    state.error = new Error('disk I/O error');
    await expect(driver.query('SELECT 1', [])).rejects.toThrow('disk I/O error');
  });

  test('gives the event loop a turn after a statement that took long', async () => {
    const { library, state } = fakeLibrary();
    const driver = await openNodeDriver(library, 'x', 50);
    const hadTurn = async () => {
      let turns = 0;
      setImmediate(() => turns++);
      await driver.query('SELECT 1', []);
      return turns === 1;
    };
    state.tookMs = 2;
    expect(await hadTurn()).toBe(true);
  });

  test('closes what it cannot use', async () => {
    const { library, state } = fakeLibrary();
    state.error = Object.assign(new Error('file is not a database'), { errcode: 26 });
    await expect(openNodeDriver(library, 'x', 10)).rejects.toThrow('not a database');
    expect(state.closed).toBe(1);
  });
});
