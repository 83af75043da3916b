// npm run bench:telemetry: what telemetry adds to a call, and how much memory it takes. With the path of another build's
// index.js that build runs beside this one, for the cost of a call to which nothing listens.
import { cpus } from 'node:os';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { AsyncOrchestrator } from '../dist/index.js';
import { openTelemetry, Telemetry } from '../dist/telemetry/index.js';
import { check, median, missed, print } from './cache-measure.mjs';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const CALLS = 2_000;
const ROUNDS = 41;
const WARM_UP_ROUNDS = 15;
const RECORDS = 1_000_000;
const LABEL_VALUES = 100_000;
const BARS = { onUs: 1.5, nothingListensUs: 0.05, memoryMb: 20, flatMb: 2 };

const [, , otherBuild] = process.argv;
const other = otherBuild && (await import(pathToFileURL(otherBuild)));

const reply = { output: 'answer', usage: { inputTokens: 12, outputTokens: 34 }, costUsd: 0.001 };
const agent = { name: 'agent', model: 'model', run: async () => reply };
const newOrchestrator = (Orchestrator = AsyncOrchestrator) =>
  new Orchestrator({ agents: [agent], maxConcurrent: 10 });

function way(listen, Orchestrator) {
  const orchestrator = newOrchestrator(Orchestrator);
  listen(orchestrator);
  return () => orchestrator.execute('agent', 'task');
}

/** The processor's time that this process has used, in microseconds: other work does not count. */
function usedUs() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Microseconds of processor time a call, and what each way adds to the first: medians of rounds in which all take turns. */
async function measure(ways, rounds = ROUNDS) {
  const names = Object.keys(ways);
  const times = new Map(names.map((name) => [name, []]));
  const added = new Map(names.map((name) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    const taken = new Map();
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const startedUs = usedUs();
      await Promise.all(Array.from({ length: CALLS }, ways[name]));
      taken.set(name, (usedUs() - startedUs) / CALLS);
    }
    if (round < 0) continue;
    for (const name of names) {
      times.get(name).push(taken.get(name));
      added.get(name).push(taken.get(name) - taken.get(names[0]));
    }
  }
  const medians = (lists) => new Map([...lists].map(([name, list]) => [name, median(list)]));
  const least = new Map([...times].map(([name, list]) => [name, Math.min(...list)]));
  return { times: medians(times), added: medians(added), least };
}

function heapMb() {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed / 1e6 + process.memoryUsage().arrayBuffers / 1e6;
}

/** How much the heap has grown when so many calls have been counted, in MB. */
async function growthMb(records, optionsOf) {
  const orchestrator = newOrchestrator();
  const telemetry = new Telemetry({ orchestrator });
  await orchestrator.execute('agent', 'task', optionsOf(0));
  const before = heapMb();
  for (let made = 0; made < records; made += CALLS) {
    await Promise.all(
      Array.from({ length: CALLS }, (_, index) =>
        orchestrator.execute('agent', 'task', optionsOf(made + index)),
      ),
    );
  }
  const grownMb = heapMb() - before;
  if (telemetry.snapshot().latencyMs.count !== records + 1) throw new Error('Calls were not counted.');
  await telemetry.close();
  return grownMb;
}

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`);

const nothing = () => {};
const NOTHING = 'nothing listens';
const ON = 'telemetry';
const { times, added } = await measure({
  [NOTHING]: way(nothing),
  [ON]: way((orchestrator) => new Telemetry({ orchestrator })),
});
print(`${CALLS} calls at once, an agent that answers at once`, times, NOTHING);
check('telemetry adds', added.get(ON), BARS.onUs, 'us');

// Apart, as code that runs in many ways runs more slowly in all of them.
const TRACED = 'openTelemetry() without an SDK';
const traced = await measure({
  [NOTHING]: way(nothing),
  [TRACED]: way((orchestrator) => openTelemetry(orchestrator)),
});
print('the same, traced', traced.times, NOTHING);

if (other) {
  const OTHER = 'nothing listens, other build';
  const builds = { [OTHER]: way(nothing, other.AsyncOrchestrator), [NOTHING]: way(nothing) };
  const { least } = await measure(builds, 4 * ROUNDS);
  print('both builds, the quickest round of each', least, OTHER);
  check(
    'this build adds where nothing listens',
    least.get(NOTHING) - least.get(OTHER),
    BARS.nothingListensUs,
    'us',
  );
}

console.log('\nmemory');
const oneMb = await growthMb(RECORDS, () => undefined);
check(`${RECORDS.toLocaleString('en')} records`, oneMb, BARS.memoryMb, 'MB');
const tenantsOf = (count) => (index) => ({ tenant: `tenant-${index % count}` });
const fewMb = await growthMb(2 * LABEL_VALUES, tenantsOf(1_000));
const manyMb = await growthMb(2 * LABEL_VALUES, tenantsOf(LABEL_VALUES));
check(`${LABEL_VALUES.toLocaleString('en')} tenants instead of 1,000 add`, manyMb - fewMb, BARS.flatMb, 'MB');

console.log(missed() === 0 ? '\nEvery bar holds.' : `\n${missed()} bars were missed.`);
process.exitCode = missed() === 0 ? 0 : 1;
