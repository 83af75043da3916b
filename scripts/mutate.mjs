// npm run mutants: changes random places of src, one at a time, in a copy of the repository, and runs the tests that
// reach the changed line. Prints the changes that no test notices. Options: see `parseOptions`.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { grouped, readSources } from './house/sources.mjs';
import { copyRepository, jestPart, runJest } from './mutation/copy.mjs';
import { findMutants, shuffled } from './mutation/mutants.mjs';
import { measureReach } from './mutation/reach.mjs';
import { createTypeCheck } from './mutation/type-check.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const options = parseOptions();
const workspace = join(
  tmpdir(),
  `tutti-mutants-${createHash('sha256').update(ROOT).digest('hex').slice(0, 12)}`,
);

function parseOptions() {
  const { values } = parseArgs({
    options: {
      /** Decides which places are changed. */
      seed: { type: 'string', default: '1' },
      /** How many changes are tried, without those that do not compile. */
      count: { type: 'string', default: '60' },
      /** A folder of `src`; default: all. */
      room: { type: 'string' },
      /** A file, or `file:line`, several times: every change there, whatever the seed. */
      at: { type: 'string', multiple: true },
      /** How many changes are tried at the same time. */
      jobs: { type: 'string', default: '1' },
      /** The most test files that are run for one change. */
      tests: { type: 'string', default: '12' },
    },
  });
  const { room, at, ...numbers } = values;
  const parsed = Object.entries(numbers).map(([name, value]) => [name, wholeNumber(name, value)]);
  return { room, at, ...Object.fromEntries(parsed) };
}

function wholeNumber(name, text) {
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`--${name} has to be a whole number, not ${text}`);
}

/** A suite for users' tiers lies in src, but is a test: what is taken out of it makes nothing wrong. */
const TESTS_IN_SRC = new Set(['src/testing/cache-tier-suite.ts']);

/** The changes to try, in an order that follows from the seed. */
function chooseMutants(sources) {
  const all = sources
    .filter(({ path }) => !TESTS_IN_SRC.has(path) && (!options.room || roomOf(path) === options.room))
    .flatMap(findMutants);
  if (options.at === undefined) return shuffled(all, options.seed);
  return all.filter(({ path, line }) =>
    [path, `${path}:${line}`].some((place) => options.at.includes(place)),
  );
}

function roomOf(path) {
  const [, room, file] = path.split('/');
  return file === undefined ? 'src' : room;
}

/** Changes one source in a copy and runs the tests that reach the change, nearest first, up to the first failure. */
async function tryMutant(folder, mutant, reach, original) {
  const reaching = reach.testsOf(mutant);
  const tests = reaching.slice(0, options.tests);
  if (tests.length === 0) return { ...mutant, noticed: false, by: 'no test reaches it' };
  const startedAt = performance.now();
  writeFileSync(join(folder, mutant.path), mutant.text);
  const { code, stdout, timedOut } = await runJest(folder, {
    config: {
      reporters: [jestPart('first-failure')],
      testSequencer: jestPart('given-order'),
      ...(reach.needsBuild(tests) ? {} : { globalSetup: undefined, globalTeardown: undefined }),
    },
    args: ['--silent', '--runInBand', '--forceExit', '--runTestsByPath', ...tests],
    timeoutMs: 30_000 + 5 * reach.durationMs(tests),
  });
  writeFileSync(join(folder, mutant.path), original);
  const seconds = (performance.now() - startedAt) / 1_000;
  if (!timedOut && code === 0) return { ...mutant, noticed: false, by: tried(tests, reaching), seconds };
  return { ...mutant, noticed: true, by: timedOut ? 'time-out' : failureIn(stdout, folder), seconds };
}

function tried(tests, reaching) {
  return tests.length === reaching.length
    ? `passes all ${tests.length} test files that reach it`
    : `passes the nearest ${tests.length} of ${reaching.length} test files that reach it`;
}

/** What the reporter printed; nothing if a change ended the whole process, for instance by an unhandled rejection. */
function failureIn(stdout, folder) {
  const printed = stdout.split('\n').find((line) => line.startsWith('{"path"'));
  if (printed === undefined) return 'the process ended';
  const { path, title } = JSON.parse(printed);
  return `${path.slice(folder.length + 1)}: ${title.split('\n')[0]}`;
}

function printResult({ place, change, noticed, by, seconds = 0 }) {
  console.log(
    `${noticed ? 'noticed  ' : 'UNNOTICED'} ${seconds.toFixed(1).padStart(5)} s  ${place}  ${change}  (${by})`,
  );
}

function printRooms(results) {
  console.log('\nNoticed, by room:');
  const rooms = [...grouped(results, ({ path }) => roomOf(path))].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [room, ofRoom] of [...rooms, ['all', results]]) {
    const noticed = ofRoom.filter((result) => result.noticed).length;
    const percent = ((100 * noticed) / ofRoom.length).toFixed(0);
    console.log(`  ${room.padEnd(14)} ${String(noticed).padStart(3)} of ${ofRoom.length} (${percent} %)`);
    for (const result of room === 'all' ? [] : ofRoom) if (!result.noticed) printUnnoticed(result);
  }
}

function printUnnoticed({ place, change, by }) {
  console.log(`    ${place}  ${change}\n      ${by}`);
}

const folders = Array.from({ length: options.jobs }, (_, job) => join(workspace, String(job), 'copy'));
for (const folder of folders) {
  mkdirSync(folder, { recursive: true });
  copyRepository(ROOT, folder);
}
const sources = readSources(folders[0], 'src');
const reach = await measureReach(folders[0], join(workspace, 'reach.json'), {
  sources,
  tests: readSources(folders[0], 'tests'),
});
const originals = new Map(sources.map(({ path, text }) => [path, text]));
const compiles = createTypeCheck(folders[0]);
const mutants = chooseMutants(sources);
const most = options.at === undefined ? options.count : mutants.length;
const results = [];
let skipped = 0;
let started = 0;
let next = 0;

async function runJob(folder) {
  while (next < mutants.length && started < most) {
    const mutant = mutants[next++];
    if (!compiles(mutant)) {
      skipped += 1;
      continue;
    }
    started += 1;
    const result = await tryMutant(folder, mutant, reach, originals.get(mutant.path));
    results.push(result);
    printResult(result);
  }
}

await Promise.all(folders.map(runJob));
printRooms(results);
console.log(`Seed ${options.seed}; ${skipped} changes that do not compile were skipped.`);
