// Many processes and threads share one folder and set, delete, clear and read at random; afterwards it is checked that
// no answer was served more than a second after it was deleted or replaced, and that no flushed answer was lost.
//
//   node tests/processes/cache-stress.mjs <module with ResponseCache> <seconds> [processes] [threads] [seed]
//
// Prints one line of JSON: how many operations there were, and what was wrong.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const STALE_MS = 1_000;
/** Half of all operations are for a few keys that change all the time, half for many that are left alone for seconds. */
const HOT_KEYS = 24;
const KEYS = 500;
const self = fileURLToPath(import.meta.url);
const nowMs = () => performance.timeOrigin + performance.now();

if (!isMainThread) parentPort.postMessage(await work(workerData));
else if (process.send !== undefined && process.argv[2] === '--work') {
  const report = await work(JSON.parse(process.argv[3]));
  process.send(report, () => process.exit(0));
} else await main();

/** One actor: what it did, as [kind, key, value, startMs, endMs]. */
async function work({ module, directory, actor, seconds, seed }) {
  const { ResponseCache } = await import(module);
  const warnings = [];
  const warn = (_fields, message) => warnings.push(String(message));
  const logger = { debug() {}, info() {}, warn, error: warn };
  const cache = new ResponseCache({ directory, secret: 'a secret of thirty-two characters', logger });
  const request = (key) => ({ agent: 'stress', task: `task ${key}` });
  const random = randomFrom(seed);
  const log = [];
  const endMs = nowMs() + seconds * 1_000;
  for (let count = 0; nowMs() < endMs; count++) {
    const key = Math.floor(random() * (random() < 0.5 ? HOT_KEYS : KEYS));
    const choice = random();
    const startMs = nowMs();
    if (choice < 0.72) {
      const hit = await cache.get(request(key));
      log.push(['get', key, hit?.output ?? null, startMs, nowMs()]);
    } else if (choice < 0.9) {
      const output = `${actor}-${count}`;
      await cache.set(request(key), { output });
      const entry = ['set', key, output, startMs, nowMs(), null];
      if (random() < 0.5) {
        await cache.flush();
        entry[5] = nowMs();
      }
      log.push(entry);
    } else if (choice < 0.9996) {
      await cache.delete(request(key));
      log.push(['delete', key, null, startMs, nowMs()]);
    } else {
      await cache.clear();
      log.push(['delete', -1, null, startMs, nowMs()]);
    }
    if (random() < 0.3) await new Promise((done) => setTimeout(done, random() * 12));
  }
  await cache.close();
  return { log, warnings };
}

async function main() {
  const [module, seconds = '30', processes = '8', threads = '4', seed = '1'] = process.argv.slice(2);
  const directory = mkdtempSync(join(tmpdir(), 'tutti-stress-'));
  const actors = Number(processes) + Number(threads);
  const job = (actor) => ({
    module: pathToFileURL(resolve(module)).href,
    directory,
    actor,
    seconds: Number(seconds),
    seed: Number(seed) * 1_000 + actor,
  });
  try {
    const results = await Promise.all(
      Array.from({ length: actors }, (_, actor) =>
        actor < Number(processes) ? inProcess(job(actor)) : inThread(job(actor)),
      ),
    );
    console.log(JSON.stringify(judge(results)));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function inProcess(job) {
  return new Promise((done, failed) => {
    const child = fork(self, ['--work', JSON.stringify(job)]);
    child.on('message', done);
    child.on('error', failed);
    child.on('exit', (code) => failed(new Error(`a process ended with ${code}`)));
  });
}

function inThread(job) {
  return new Promise((done, failed) => {
    const worker = new Worker(self, { workerData: job });
    worker.on('message', done);
    worker.on('error', failed);
  });
}

function judge(results) {
  const all = results.flatMap(({ log }) => log);
  const problems = {
    wrong: [],
    stale: [],
    lost: [],
    warnings: [...new Set(results.flatMap(({ warnings }) => warnings))],
  };
  let [checkedHits, checkedFlushes, oldest] = [0, 0, 0];
  for (let key = 0; key < KEYS; key++) {
    const ofKey = all.filter(([, its]) => its === key || its === -1).sort((a, b) => a[3] - b[3]);
    const sets = new Map(ofKey.filter(([kind]) => kind === 'set').map((set) => [set[2], set]));
    const changes = ofKey.filter(([kind]) => kind !== 'get');
    for (const [kind, , output, startMs] of ofKey) {
      if (kind !== 'get' || output === null) continue;
      checkedHits++;
      const set = sets.get(output);
      if (set === undefined) {
        problems.wrong.push({ key, output });
        continue;
      }
      const setEndMs = set[4];
      // Made obsolete by what began after the answer was stored and had ended a second before it was read.
      const ended = changes
        .filter((other) => other[3] > setEndMs && other[4] < startMs)
        .map((other) => other[4]);
      const lateMs = ended.length === 0 ? 0 : startMs - Math.min(...ended);
      oldest = Math.max(oldest, lateMs);
      if (lateMs > STALE_MS) problems.stale.push({ key, output, lateMs: Math.round(lateMs) });
    }
    for (const set of changes) {
      const [kind, , output, startMs, , flushedMs] = set;
      if (kind !== 'set' || flushedMs === null) continue;
      const next = changes.find((other) => other !== set && other[4] > startMs);
      const untilMs = next === undefined ? Number.POSITIVE_INFINITY : Math.min(next[3], next[4]);
      for (const read of ofKey) {
        if (read[0] !== 'get' || read[3] < flushedMs + STALE_MS || read[4] > untilMs) continue;
        checkedFlushes++;
        if (read[2] !== output) problems.lost.push({ key, output, found: read[2] });
      }
    }
  }
  return { operations: all.length, checkedHits, checkedFlushes, oldestMs: Math.round(oldest), ...problems };
}

function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
