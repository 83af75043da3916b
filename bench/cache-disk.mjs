import { join } from 'node:path';
import KeyvSqlite from '@keyv/sqlite';
import Keyv from 'keyv';
import { ResponseCache } from '../dist/cache/index.js';
import { check, checkAtLeast, compare, longestPauseMs, median, p99Us, print } from './cache-measure.mjs';
import { answer, request } from './cache-memory.mjs';
import { importInside } from './inside.mjs';

const { DiskTier, Seal } = await importInside('cache/tiers/disk/disk-tier.ts', 'cache/seal.ts');

const ENTRIES = 5_000;
const secret = 'only for measuring, 32 bytes long';

async function openKeyv(path, isWal) {
  const store = new KeyvSqlite(`sqlite://${path}`);
  await store.query('SELECT 1');
  if (isWal) {
    await store.query('PRAGMA journal_mode=WAL');
    await store.query('PRAGMA synchronous=NORMAL');
  }
  return new Keyv({ store });
}

/** The answer under a key, as the cache hands it to the seal. */
function entryOf(key) {
  const createdAt = Date.now();
  const expiresAt = createdAt + 86_400_000;
  const payload = JSON.stringify(answer);
  const { costUsd } = answer;
  const times = { createdAt, expiresAt, staleUntil: expiresAt };
  return { key, agent: 'python-expert', tags: [], ...times, payload, costUsd, hits: 0 };
}

/** Microseconds a write of all keys takes: as many at once as wished, and durable at the end. */
async function writeAll(keys, set, flush) {
  const startedMs = performance.now();
  await Promise.all(keys.map(set));
  await flush();
  return ((performance.now() - startedMs) * 1_000) / keys.length;
}

export async function benchDisk(folder) {
  const asItComes = await openKeyv(join(folder, 'as-it-comes.sqlite'), false);
  const wal = await openKeyv(join(folder, 'wal.sqlite'), true);
  // Memory that holds nothing to speak of, so that every hit comes from disk.
  const limits = { maxMemoryBytes: 1, maxSizeBytes: 1 << 30, secret };
  const ours = new ResponseCache({ directory: join(folder, 'ours'), ...limits });
  const requests = Array.from({ length: ENTRIES }, (_, index) => request(index));
  const keys = requests.map((one) => ours.key(one));

  await ours.set(requests[0], answer);
  const onLoop = [];
  const onProcessor = [];
  const firstRounds = [];
  for (let round = 0; round < 20; round += 1) {
    const [startedMs, cpu] = [performance.now(), process.cpuUsage()];
    for (let index = 0; index < 500; index += 1)
      void ours.set(requests[(round * 500 + index) % ENTRIES], answer);
    if (round < 9) {
      firstRounds.push(((performance.now() - startedMs) * 1_000) / 500);
      await ours.flush();
      continue;
    }
    onLoop.push(((performance.now() - startedMs) * 1_000) / 500);
    const { user, system } = process.cpuUsage(cpu);
    onProcessor.push((user + system) / 500);
    await ours.flush();
  }
  const setP99 = await p99Us((index) => void ours.set(requests[index % ENTRIES], answer), { calls: 800 });
  await ours.flush();
  const writes = new Map([
    [
      '@keyv/sqlite as it comes',
      await writeAll(
        keys.slice(0, 200),
        (key) => asItComes.set(key, answer),
        async () => {},
      ),
    ],
  ]);
  const tier = new DiskTier({ directory: join(folder, 'tier'), maxSizeBytes: 1 << 30 });
  const seal = new Seal([Buffer.from(secret)]);
  const rates = { wal: [], ours: [], tier: [] };
  for (let round = 0; round < 5; round += 1) {
    const some = keys.map((key) => `${key}${round}`);
    rates.wal.push(
      await writeAll(
        some,
        (key) => wal.set(key, answer),
        async () => {},
      ),
    );
    const fresh = requests.map((one) => ({ ...one, params: { round } }));
    rates.ours.push(
      await writeAll(
        fresh,
        (one) => ours.set(one, answer),
        () => ours.flush(),
      ),
    );
    const signed = some.map((key) => seal.seal(entryOf(key)));
    rates.tier.push(
      await writeAll(
        signed,
        (entry) => tier.set(entry),
        () => tier.flush(),
      ),
    );
  }
  await tier.close();
  writes.set('@keyv/sqlite, write-ahead log', median(rates.wal));
  writes.set('tutti, signed and durable', median(rates.ours));
  writes.set('tutti, signed before, the disk tier alone', median(rates.tier));
  print('Writes of 2 KB answers to disk, all at once', writes, 'tutti, signed and durable');
  console.log(
    `  set on the event loop: ${median(onLoop).toFixed(2)} us, quietest round ${Math.min(...onLoop).toFixed(2)} us; processor time ${median(onProcessor).toFixed(2)} us; the first ${firstRounds.length * 500} of the process ${median(firstRounds).toFixed(2)} us`,
  );
  check('set on the event loop, 2 KB, signed and queued', median(onLoop), 20, 'us');
  check('set on the event loop, p99', setP99, 1_000, 'us');
  checkAtLeast(
    'batched writes of the disk tier against @keyv/sqlite with write-ahead log',
    median(rates.wal) / median(rates.tier),
    3,
  );
  checkAtLeast(
    'the same with keys, copies and signatures, on the same event loop',
    median(rates.wal) / median(rates.ours),
    3,
  );

  for (const [index, key] of keys.entries()) {
    await wal.set(key, answer);
    if (index < 500) await asItComes.set(key, answer);
    await ours.set(requests[index], answer);
  }
  await ours.flush();
  const read = await compare(
    {
      '@keyv/sqlite as it comes': (index) => asItComes.get(keys[(index * 7) % 500]),
      '@keyv/sqlite, write-ahead log': (index) => wal.get(keys[(index * 7_919) % ENTRIES]),
      'tutti, verified': (index) => ours.get(requests[(index * 7_919) % ENTRIES]),
    },
    { calls: 500, rounds: 9 },
  );
  print('Hit on disk, one by one', read, '@keyv/sqlite, write-ahead log');
  check(
    'disk hit against @keyv/sqlite with write-ahead log',
    read.get('tutti, verified') / read.get('@keyv/sqlite, write-ahead log'),
    1.25,
  );
  const many = await compare(
    {
      '@keyv/sqlite, write-ahead log, 50 gets': (index) =>
        Promise.all(
          Array.from({ length: 50 }, (_, offset) => wal.get(keys[(index * 50 + offset) % ENTRIES])),
        ),
      'tutti, getMany of 50': (index) =>
        ours.getMany(Array.from({ length: 50 }, (_, offset) => requests[(index * 50 + offset) % ENTRIES])),
    },
    { calls: 40, rounds: 9 },
  );
  print('50 hits on disk at once', many);
  await Promise.all([ours.close(), asItComes.disconnect(), wal.disconnect()]);
  await benchOpening(folder);
}

async function benchOpening(folder) {
  const directory = join(folder, 'large');
  const entries = 100_000;
  const small = { output: 'x'.repeat(200) };
  const filling = new ResponseCache({ directory, maxSizeBytes: 1 << 30, secret });
  for (let index = 0; index < entries; index += 1_000) {
    await Promise.all(
      Array.from({ length: 1_000 }, (_, offset) => filling.set(request(index + offset), small)),
    );
  }
  await filling.close();
  const openings = [];
  for (let round = 0; round < 7; round += 1) {
    const idleMs = await longestPauseMs(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
    let firstHitMs = 0;
    const pauseMs = await longestPauseMs(async () => {
      const startedMs = performance.now();
      const cache = new ResponseCache({ directory, maxSizeBytes: 1 << 30, secret });
      const hit = await cache.get(request(77_777));
      firstHitMs = performance.now() - startedMs;
      if (hit === undefined) throw new Error('the entry is missing');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await cache.close();
    });
    openings.push({ firstHitMs, pauseMs, idleMs });
  }
  const of = (name) => openings.map((opening) => opening[name]);
  console.log(`\nOpening ${entries} entries, ${openings.length} times`);
  console.log(
    `  pauses: ${of('pauseMs').map((ms) => ms.toFixed(1))} ms; of a process that does nothing: ${of('idleMs').map((ms) => ms.toFixed(1))} ms`,
  );
  check('first hit after construction', median(of('firstHitMs')), 50, 'ms');
  check('longest pause of the event loop', median(of('pauseMs')), 10, 'ms');
  const startedMs = performance.now();
  for (let count = 0; count < 1_000; count += 1) new ResponseCache({ directory, secret });
  check('constructor', performance.now() - startedMs, 1_000, 'us');
}
