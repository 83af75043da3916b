// A process of its own that uses a disk tier: node disk-tier-child.mjs <built parts> <directory> <driver> <job> <seed>
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [parts, directory, driver, job, seedText] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(parts, file)).href);
const { DiskTier } = await load('cache/tiers/disk/disk-tier.js');
const { Seal } = await load('cache/seal.js');

const seal = new Seal([Buffer.from('a secret of the tests')]);
const problems = [];
const options = { directory, driver, writeDelayMs: 5, onProblem: (error) => problems.push(error.message) };
const keyOf = (n) => n.toString(16).padStart(32, '0');
let state = Number(seedText);

function random() {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}

function entryOf(n, sizeChars) {
  const now = Date.now();
  const times = { createdAt: now, expiresAt: now + 3_600_000, staleUntil: now + 3_600_000 };
  const payload = JSON.stringify({ n, filler: 'x'.repeat(sizeChars) });
  return seal.seal({
    key: keyOf(n),
    agent: `agent-${n % 3}`,
    tags: [`t${n % 5}`],
    ...times,
    payload,
    costUsd: 0,
    hits: 0,
  });
}

/** Writes until it is killed, and says after each flush how far it is. */
async function writeForEver() {
  const tier = new DiskTier({ ...options, maxSizeBytes: 1e9 });
  for (let n = Number(seedText); ; n++) {
    await tier.set(entryOf(n, 1_500));
    if (n % 10 !== 0) continue;
    await tier.flush();
    process.stdout.write(`${n}\n`);
  }
}

/** Does 5,000 things to entries that another process uses too, and says what went wrong. */
async function mixOperations() {
  const tier = new DiskTier({ ...options, maxSizeBytes: 150_000, maxEntries: 120 });
  let wrong = 0;
  let hits = 0;
  for (let step = 0; step < 5_000; step++) {
    const n = Math.floor(random() * 300);
    const choice = random();
    if (choice < 0.4) await tier.set(entryOf(n, Math.floor(random() * 2_000)));
    else if (choice < 0.9) {
      const [entry] = await tier.getMany([keyOf(n)]);
      if (entry === undefined) continue;
      hits++;
      tier.touch(keyOf(n), entry.hits + 1);
      if (seal.verify(entry, keyOf(n)) !== 'ok' || JSON.parse(entry.payload).n !== n) wrong++;
    } else if (choice < 0.95) await tier.delete(keyOf(n));
    else if (choice < 0.96) await tier.deleteMatching({ tag: `t${n % 5}` });
    else if (choice < 0.97) await tier.flush();
    else await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await tier.close();
  process.stdout.write(JSON.stringify({ wrong, hits, problems }));
}

/** Fills the disk that it may use, and goes on answering. */
async function fillDisk() {
  process.on('SIGXFSZ', () => {});
  const { TierGuard } = await load('cache/tiers/tier-guard.js');
  const tier = new TierGuard(new DiskTier({ ...options, maxSizeBytes: 1e9, maxQueuedBytes: 100_000 }));
  for (let n = 1; n <= 300; n++) {
    await tier.set(entryOf(n, 5_000));
    if (n % 50 === 0) await tier.flush().catch(() => {});
  }
  const found = await tier.getMany(Array.from({ length: 300 }, (_, n) => keyOf(n + 1)));
  const hits = found.filter((entry) => entry !== undefined);
  const wrong = hits.filter((entry) => seal.verify(entry, entry.key) !== 'ok').length;
  await tier.close();
  process.stdout.write(JSON.stringify({ wrong, hits: hits.length, problems }));
}

await { writeForEver, mixOperations, fillDisk }[job]();
