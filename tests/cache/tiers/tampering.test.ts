import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DiskTier } from '../../../src/cache/tiers/disk/disk-tier.js';
import { type Database, openDatabase } from '../../../src/sqlite/open-database.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { describeDrivers } from '../../sqlite/drivers.js';
import { keyOf, stackOver, unsealed } from './signed-tier.js';

const ROWS = 1_000;
const TABLE = 'tutti_cache_entries';
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-tamper-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

type Tamper = (database: Database, key: string, other: string, random: () => number) => Promise<unknown>;

const set = (database: Database, key: string, assignment: string, ...params: Array<string | number>) =>
  database.query(`UPDATE ${TABLE} SET ${assignment} WHERE key = ?`, [...params, key]);

/** Each makes one row something that was not signed for its key. */
const TAMPERINGS: Readonly<Record<string, Tamper>> = {
  'flipped byte': async (database, key, _other, random) => {
    const [row] = await database.query<{ payload: string }>(`SELECT payload FROM ${TABLE} WHERE key = ?`, [
      key,
    ]);
    const bytes = Buffer.from(row?.payload ?? '');
    const at = Math.floor(random() * bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 + Math.floor(random() * 7));
    return set(database, key, 'payload = ?', bytes.toString('latin1'));
  },
  'flipped bit of the signature': (database, key) =>
    set(database, key, `signature = iif(signature LIKE '0%', '1', '0') || substr(signature, 2)`),
  truncation: (database, key) => set(database, key, 'payload = substr(payload, 1, length(payload) - 1)'),
  'truncation with the size adjusted': (database, key) =>
    set(database, key, 'payload = substr(payload, 1, 9), size_bytes = 41'),
  'another row in its place': (database, key, other) =>
    database.query(
      `UPDATE ${TABLE} SET (agent, tags, origin, expires_at, stale_until, cost_usd, size_bytes, signature, payload) =
        (SELECT agent, tags, origin, expires_at, stale_until, cost_usd, size_bytes, signature, payload
          FROM ${TABLE} WHERE key = ?) WHERE key = ?`,
      [other, key],
    ),
  'another agent': (database, key) => set(database, key, `agent = 'somebody-else'`),
  'other tags': (database, key) => set(database, key, `tags = '["a"]', size_bytes = size_bytes + 1`),
  'tags that are no JSON': (database, key) => set(database, key, `tags = '[[[{'`),
  'no signature': (database, key) => set(database, key, `signature = ''`),
  'a signature with something added': (database, key) => set(database, key, `signature = signature || ' '`),
  'a signature with a line added': (database, key) =>
    set(database, key, `signature = signature || char(10) || tags`),
  'an agent with a line added': (database, key) => set(database, key, `agent = agent || char(10)`),
  'an origin with something added': (database, key) => set(database, key, `origin = origin || ' 1'`),
  'a signature that is bytes': (database, key) => set(database, key, `signature = x'00ff'`),
  'a foreign key id': (database, key) =>
    set(database, key, `origin = substr(origin, 1, length(origin) - 6) || '000000'`),
  'an older version': (database, key) => set(database, key, `origin = '0' || substr(origin, 2)`),
  'a version that is a text': (database, key) => set(database, key, `origin = 'one' || substr(origin, 2)`),
  'an origin that is a number': (database, key) => set(database, key, 'origin = 1'),
  'another date of making': (database, key) => set(database, key, `origin = replace(origin, ' ', ' 1')`),
  'a longer life': (database, key) =>
    set(database, key, 'expires_at = expires_at + 1, stale_until = stale_until + 1'),
  'a life that is a text': (database, key) => set(database, key, `stale_until = 'for ever'`),
  'another price': (database, key) => set(database, key, 'cost_usd = 1000000'),
  'a life with something added': (database, key) =>
    set(database, key, `expires_at = expires_at || ' ' || stale_until`),
  'another size': (database, key) => set(database, key, 'size_bytes = -5'),
  'a huge value': (database, key) => set(database, key, 'payload = hex(zeroblob(350000))'),
  'a huge value of bytes': (database, key) => set(database, key, 'payload = zeroblob(700000)'),
  'keys of prototypes': (database, key) =>
    set(database, key, 'payload = ?', '{"__proto__":{"output":"forged"},"constructor":{"output":"forged"}}'),
};

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

await describeDrivers('DiskTier against somebody who can write the file', (driver) => {
  test('gives no wrong answer from 1,000 changed rows, counts each, and loses no other', async () => {
    const directory = join(root, `many-${driver}`);
    const open = () => new DiskTier({ directory, driver, maxSizeBytes: 600_000, clock: new FakeClock() });
    const first = stackOver(open()).stack;
    const keys = Array.from({ length: 2 * ROWS }, (_, n) => keyOf(n + 1));
    await Promise.all(keys.map(async (key, n) => first.set(unsealed(key, `answer ${n}`))));
    await first.close(5_000);

    const database = await openDatabase(join(directory, 'cache.db'), { driver });
    const random = seeded(42);
    const kinds = Object.values(TAMPERINGS);
    const touched = keys.filter((_, n) => n % 2 === 0);
    for (const [n, key] of touched.entries()) {
      await (kinds[n % kinds.length] as Tamper)(database, key, keys[2 * n + 1] as string, random);
    }
    await database.close();

    const { stack, rejected } = stackOver(open());
    const found = await stack.getMany(keys);
    expect(found.filter((_, n) => n % 2 === 0)).toEqual(Array<undefined>(ROWS).fill(undefined));
    expect(found.flatMap((hit, n) => (n % 2 === 0 ? [] : [hit?.answer.output]))).toEqual(
      keys.flatMap((_, n) => (n % 2 === 0 ? [] : [`answer ${n}`])),
    );
    const counted = rejected.map(([key]) => key);
    // A life that was changed to a text is over for SQLite's comparison or ours, whichever comes first.
    expect(new Set(counted).size).toBe(counted.length);
    expect(counted.sort()).toEqual(touched.sort());
    await stack.flush();
    expect(await stack.getMany(touched)).toEqual(Array<undefined>(ROWS).fill(undefined));
    expect(rejected).toHaveLength(ROWS);
    expect((await stack.size())?.entries).toBe(ROWS);
    await stack.close(5_000);
  });

  test('finds two rows that were swapped, and a row under a key of its own making', async () => {
    const directory = join(root, `swap-${driver}`);
    const open = () => new DiskTier({ directory, driver, maxSizeBytes: 600_000, clock: new FakeClock() });
    const first = stackOver(open()).stack;
    for (const n of [1, 2, 3]) await first.set(unsealed(keyOf(n), `answer ${n}`));
    await first.close(5_000);
    const database = await openDatabase(join(directory, 'cache.db'), { driver });
    for (const [from, to] of [
      ['1', 'x'],
      ['2', '1'],
      ['x', '2'],
      ['3', '4'],
    ] as const) {
      const name = (digit: string) => (digit === 'x' ? 'x' : keyOf(Number(digit)));
      await set(database, name(from), 'key = ?', name(to));
    }
    await database.close();
    const { stack, rejected } = stackOver(open());
    expect(await stack.getMany([1, 2, 3, 4].map(keyOf))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(rejected.map(([, reason]) => reason)).toEqual(['bad-signature', 'bad-signature', 'bad-signature']);
    await stack.close(5_000);
  });

  test('leaves a row of a newer version where it is, and does not serve it', async () => {
    const directory = join(root, `newer-${driver}`);
    const open = () => new DiskTier({ directory, driver, maxSizeBytes: 600_000, clock: new FakeClock() });
    const first = stackOver(open()).stack;
    await first.set(unsealed(keyOf(1), 'answer'));
    await first.close(5_000);
    const database = await openDatabase(join(directory, 'cache.db'), { driver });
    await set(database, keyOf(1), `origin = '2' || substr(origin, 2)`);
    const { stack, rejected } = stackOver(open());
    expect(await stack.getMany([keyOf(1)])).toEqual([undefined]);
    expect(await stack.verify()).toEqual({ checked: 1, intact: 0, rejected: 0, skipped: 1 });
    await stack.close(5_000);
    expect(rejected).toEqual([]);
    expect(await database.query(`SELECT substr(origin, 1, 2) AS version FROM ${TABLE}`)).toEqual([
      { version: '2 ' },
    ]);
    await database.close();
  });

  test('gives the true size after somebody else deleted rows', async () => {
    const directory = join(root, `sizes-${driver}`);
    const clock = new FakeClock();
    const tier = new DiskTier({ directory, driver, maxSizeBytes: 600_000, clock });
    const { stack } = stackOver(tier);
    for (const n of [1, 2, 3]) await stack.set(unsealed(keyOf(n), `answer ${n}`));
    const size = await tier.size();
    const database = await openDatabase(join(directory, 'cache.db'), { driver });
    await database.query(`DELETE FROM ${TABLE} WHERE key = ?`, [keyOf(2)]);
    await database.close();
    const left = { entries: 2, sizeBytes: (size.sizeBytes / 3) * 2 };
    expect(await tier.size()).toEqual(left);
    await clock.advance(2_000);
    await tier.flush();
    expect(await tier.size()).toEqual(left);
    expect(await stack.getMany([keyOf(2)])).toEqual([undefined]);
    await stack.close(5_000);
  });
});
