import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TierSize } from '../../../../src/cache/tiers/cache-tier.js';
import { DiskTier, type DiskTierOptions } from '../../../../src/cache/tiers/disk/disk-tier.js';
import { DatabaseError } from '../../../../src/errors/storage-errors.js';
import type { FileState } from '../../../../src/sqlite/database-file.js';
import { type OpenDatabaseOptions, openDatabase } from '../../../../src/sqlite/open-database.js';
import { tierEntry } from '../../../../src/testing/cache-tier-suite.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { faultyDatabase } from './faulty-database.js';

let root: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-file-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const corrupt = () => new DatabaseError('corrupt', 'cache.db', 'database disk image is malformed');

const READ_BY_KEY = /AS head[\s\S]*WHERE/;

/** A tier over real files whose next state and next statement can be made to fail. */
function faulty() {
  const faults: { state?: FileState | Error; query?: { matches: RegExp; error: Error } } = {};
  const opened: OpenDatabaseOptions[] = [];
  const open: DiskTierOptions['open'] = async (path, options) => {
    opened.push(options);
    const database = await openDatabase(path, options);
    const faultOf = (sql: string) => {
      const { query } = faults;
      if (query?.matches.test(sql) !== true) return undefined;
      delete faults.query;
      return query.error;
    };
    return faultyDatabase(database, faultOf, () => {
      const { state } = faults;
      delete faults.state;
      if (state instanceof Error) return Promise.reject(state);
      return state === undefined ? database.fileState() : Promise.resolve(state);
    });
  };
  const clock = new FakeClock();
  const problems: string[] = [];
  const onProblem = (error: Error) => problems.push(error.message);
  const tier = new DiskTier({
    directory: join(root, `file-${count++}`),
    maxSizeBytes: 1e8,
    clock,
    onProblem,
    open,
  });
  return { tier, clock, problems, faults, opened };
}

/** What the tier holds once it has left a file that failed: it looks at the file first, which takes a while. */
async function sizeOnceLeft(tier: DiskTier): Promise<TierSize> {
  for (;;) {
    try {
      return await tier.size();
    } catch {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

describe('the file of a DiskTier', () => {
  test('is left and opened anew, and looked through then, once it holds rubbish', async () => {
    const { tier, clock, faults, problems, opened } = faulty();
    await tier.set(tierEntry(clock, 'a'));
    await tier.flush();
    faults.state = 'rubbish';
    await tier.set(tierEntry(clock, 'b'));
    await tier.flush();
    expect(problems).toEqual([expect.stringContaining('is rubbish; another one is opened')]);
    expect(opened.map(({ check }) => check)).toEqual(['header', 'quick']);
    expect(await tier.getMany([tierEntry(clock, 'b').key])).toMatchObject([{ agent: 'writer' }]);
    await tier.close();
  });

  test.each([
    ['one key', ['a']],
    ['several keys', ['a', 'b', 'c']],
  ])('is left when it breaks while reading %s, which finds nothing', async (_, names) => {
    const { tier, clock, faults, problems, opened } = faulty();
    const entries = names.map((name) => tierEntry(clock, name));
    const keys = entries.map(({ key }) => key);
    for (const entry of entries) await tier.set(entry);
    await tier.flush();
    faults.query = { matches: READ_BY_KEY, error: corrupt() };
    expect(await tier.getMany(keys)).toEqual(keys.map(() => undefined));
    expect(problems).toEqual([expect.stringContaining('is corrupt; another one is opened')]);
    // It was sound in truth, so it is found again.
    expect(await tier.getMany(keys)).toEqual(entries);
    expect(opened.map(({ check }) => check)).toEqual(['header', 'quick']);
    await tier.close();
  });

  test.each([
    ['one key', ['a']],
    ['several keys', ['a', 'b', 'c']],
  ])(
    'is kept when reading %s fails for another reason, also when its state cannot be found out',
    async (_, names) => {
      const { tier, clock, faults, problems, opened } = faulty();
      const entries = names.map((name) => tierEntry(clock, name));
      const keys = entries.map(({ key }) => key);
      for (const entry of entries) await tier.set(entry);
      await tier.flush();
      const error = new DatabaseError('io', 'cache.db', 'no more file handles');
      faults.query = { matches: READ_BY_KEY, error };
      faults.state = new Error('no more file handles');
      await expect(tier.getMany(keys)).rejects.toBe(error);
      expect(await tier.getMany(keys)).toEqual(entries);
      expect([problems, opened.length]).toEqual([[], 1]);
      await tier.close();
    },
  );

  test('is closed and tried again when its tables cannot be made', async () => {
    const { tier, clock, faults, opened } = faulty();
    faults.query = { matches: /CREATE TABLE/, error: corrupt() };
    await expect(tier.getMany([tierEntry(clock, 'a').key])).rejects.toThrow('malformed');
    expect(await tier.getMany([tierEntry(clock, 'a').key])).toEqual([undefined]);
    expect(opened.map(({ check }) => check)).toEqual(['header', 'quick']);
    await tier.close();
  });

  test('is left when it breaks while its index is read, and what waits for that goes on with another', async () => {
    const { tier, faults, problems, opened } = faulty();
    faults.query = { matches: /ORDER BY iif/, error: corrupt() };
    expect(await tier.size()).toEqual({ entries: 0, sizeBytes: 0 });
    expect(problems).toEqual([expect.stringContaining('is corrupt')]);
    expect(opened).toHaveLength(2);
    await tier.close();
  });

  test('is left without a word when its index cannot be read for another reason', async () => {
    const { tier, faults, opened } = faulty();
    faults.query = { matches: /ORDER BY iif/, error: new DatabaseError('io', 'cache.db', 'no memory') };
    await expect(tier.size()).rejects.toThrow('no memory');
    expect(await sizeOnceLeft(tier)).toEqual({ entries: 0, sizeBytes: 0 });
    expect(opened).toHaveLength(2);
    await tier.close();
  });

  test('cannot be used once it is closed, and closing tells that it could not be opened', async () => {
    const { tier, faults } = faulty();
    faults.query = { matches: /CREATE TABLE/, error: new DatabaseError('io', 'cache.db', 'no memory') };
    const reading = tier.size();
    const closing = tier.close();
    await expect(reading).rejects.toThrow('no memory');
    await expect(closing).rejects.toThrow('no memory');
    expect(() => tier.getMany(['a'])).toThrow('closed');
  });

  test('gives an answer of more than a megabyte, alone and with others', async () => {
    const { tier, clock } = faulty();
    const large = tierEntry(clock, 'large', { payload: JSON.stringify({ output: 'é'.repeat(700_000) }) });
    const small = tierEntry(clock, 'small');
    await tier.set(large);
    await tier.set(small);
    await tier.flush();
    expect(await tier.getMany([large.key])).toEqual([large]);
    expect(await tier.getMany([small.key, large.key])).toEqual([small, large]);
    await tier.close();
  });
});
