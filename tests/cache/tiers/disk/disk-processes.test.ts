// Covers: src/cache/tiers/disk/index-sync.ts
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Seal } from '../../../../src/cache/seal.js';
import { DiskTier } from '../../../../src/cache/tiers/disk/disk-tier.js';
import type { SqliteDriverName } from '../../../../src/sqlite/driver.js';
import { openDatabase } from '../../../../src/sqlite/open-database.js';
import { inBuild } from '../../../processes/current-build.js';
import { describeDrivers } from '../../../sqlite/drivers.js';
import { keyOf } from '../signed-tier.js';

/** How many processes are killed; 100 when it is to be shown thoroughly. */
const KILLS = Number(process.env.TUTTI_TEST_KILLS ?? 6);
const seal = new Seal([Buffer.from('a secret of the tests')]);
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-processes-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
}

function start(directory: string, driver: SqliteDriverName, job: string, seed: number, limit = ''): Running {
  const script = resolve('tests/processes/disk-tier-child.mjs');
  const args = [script, inBuild('parts'), directory, driver, job, String(seed)];
  const command = `${limit} exec "$0" --disable-warning=ExperimentalWarning "$@"`;
  const child = spawn('bash', ['-c', command, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return { child, output: () => output };
}

async function finish({
  child,
  output,
}: Running): Promise<{ wrong: number; hits: number; problems: string[] }> {
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(0);
  return JSON.parse(output()) as { wrong: number; hits: number; problems: string[] };
}

/** Waits until the child has said something, then for a moment that differs each time. */
async function killUnderWay(running: Running, round: number): Promise<number> {
  await once(running.child.stdout as NodeJS.ReadableStream, 'data');
  await new Promise((done) => setTimeout(done, (round * 7) % 40));
  const closed = once(running.child, 'close');
  running.child.kill('SIGKILL');
  await closed;
  // The last line may have been cut in the middle.
  return Number(running.output().split('\n').at(-2));
}

/** What the file holds, read past the tier. */
async function readFile(
  directory: string,
  driver: SqliteDriverName,
): Promise<{ entries: number; sizeBytes: number }> {
  const database = await openDatabase(join(directory, 'cache.db'), { driver, check: 'quick' });
  const [row] = await database.query<{ entries: number; sizeBytes: number }>(
    'SELECT count(*) AS entries, coalesce(sum(size_bytes), 0) AS sizeBytes FROM tutti_cache_entries',
  );
  await database.close();
  return { ...(row ?? { entries: -1, sizeBytes: -1 }) };
}

await describeDrivers('DiskTier among processes', (driver) => {
  test(
    'loses nothing that was flushed and serves nothing broken when its process is killed',
    async () => {
      const directory = join(root, `kill-${driver}`);
      for (let round = 1; round <= KILLS; round++) {
        const first = round * 100_000 + 1;
        const last = await killUnderWay(start(directory, driver, 'writeForEver', first), round);
        expect(last).toBeGreaterThan(first);
        const problems: string[] = [];
        const tier = new DiskTier({
          directory,
          driver,
          maxSizeBytes: 1e9,
          onProblem: (error) => problems.push(error.message),
        });
        const keys = Array.from({ length: last - first + 1 }, (_, i) => keyOf(first + i));
        const found = await tier.getMany(keys);
        const verdicts = found.map((entry, i) => entry && seal.verify(entry, keys[i] as string));
        expect(new Set(verdicts)).toEqual(new Set(['ok']));
        for await (const entry of tier.entries()) expect(seal.verify(entry, entry.key)).toBe('ok');
        await tier.deleteMatching('all');
        await tier.close();
        expect(problems).toEqual([]);
      }
    },
    10_000 + KILLS * 2_000,
  );

  test('keeps true answers, true sizes and its limits while two processes use one file', async () => {
    const directory = join(root, `two-${driver}`);
    const both = [1, 2].map((seed) => start(directory, driver, 'mixOperations', seed));
    const results = await Promise.all(both.map(finish));
    for (const { wrong, hits, problems } of results) {
      expect({ wrong, problems }).toEqual({ wrong: 0, problems: [] });
      expect(hits).toBeGreaterThan(100);
    }
    const held = await readFile(directory, driver);
    expect(held.sizeBytes).toBeLessThanOrEqual(150_000);
    expect(held.entries).toBeLessThanOrEqual(120);
    const tier = new DiskTier({ directory, driver, maxSizeBytes: 150_000 });
    expect({ ...(await tier.size()) }).toEqual(held);
    await tier.close();
  }, 60_000);

  test('goes on answering when the disk takes no more', async () => {
    const directory = join(root, `full-${driver}`);
    // No file of this process may grow beyond 600 KB.
    const { wrong, hits, problems } = await finish(start(directory, driver, 'fillDisk', 1, 'ulimit -f 600;'));
    expect(wrong).toBe(0);
    expect(hits).toBeGreaterThan(0);
    expect(problems.length).toBeGreaterThan(0);
    const tier = new DiskTier({ directory, driver, maxSizeBytes: 1e9 });
    const size = await tier.size();
    expect({ ...size }).toEqual(await readFile(directory, driver));
    await tier.close();
  }, 30_000);
});
