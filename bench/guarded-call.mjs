// npm run bench:guarded-call: what a call costs with all of traffic control configured, beside the same written by
// hand, which has none of it. No limit is reached: what is measured is the work, not the waiting. With the path of
// another build's index.js the plain call of that build runs beside this one's.
import { cpus } from 'node:os';
import { pathToFileURL } from 'node:url';
import pLimit from 'p-limit';
import pRetry from 'p-retry';
import pTimeout from 'p-timeout';
import { AsyncOrchestrator } from '../dist/index.js';
import { check, median, missed, print } from './cache-measure.mjs';

const CALLS = 1_000;
const [, , otherBuild] = process.argv;
const other = otherBuild && (await import(pathToFileURL(otherBuild)));
const PLENTY = 1_000_000_000;
const BAR = 0.8;
const ROUNDS = 31;
const WARM_UP_ROUNDS = 10;
const tasks = Array.from({ length: CALLS }, (_, index) => `task ${index}`);
const atOnce = async (task) => task;

const TRAFFIC = {
  limits: { requestsPerMinute: PLENTY, tokensPerMinute: PLENTY, maxConcurrent: 1_000 },
  breaker: {},
  hedge: { percentile: 95 },
  budget: { usd: 100_000, tokens: PLENTY, perCallUsd: 0.000_001 },
  fairness: {},
};

/** p-limit around p-retry around p-timeout, an AbortController for each call. */
function composition(agent, maxConcurrent) {
  const limited = pLimit(maxConcurrent);
  const attempt = (task) => {
    const controller = new AbortController();
    return pTimeout(agent(task, { signal: controller.signal }), { milliseconds: 30_000 }).catch((error) => {
      controller.abort(error);
      throw error;
    });
  };
  return (task) => limited(() => pRetry(() => attempt(task), { retries: 2 }));
}

function orchestrated(run, maxConcurrent, options, Orchestrator = AsyncOrchestrator) {
  const agent = { name: 'agent', run, params: { maxTokens: 100 } };
  const orchestrator = new Orchestrator({ agents: [agent], maxConcurrent, ...options });
  return (task) => orchestrator.execute('agent', task);
}

/** Microseconds of processor time a call when all of them are submitted at once. */
async function measure(maxConcurrent) {
  const ways = {
    'p-limit + p-retry + p-timeout': composition(atOnce, maxConcurrent),
    'execute(), nothing configured': orchestrated(atOnce, maxConcurrent),
    'execute(), limits': orchestrated(atOnce, maxConcurrent, { limits: TRAFFIC.limits }),
    'execute(), limits, breaker, hedge, budget, fairness': orchestrated(atOnce, maxConcurrent, TRAFFIC),
  };
  if (other) {
    ways['execute() of the other build'] = orchestrated(atOnce, maxConcurrent, {}, other.AsyncOrchestrator);
  }
  const times = new Map(Object.keys(ways).map((name) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    for (const [name, way] of Object.entries(ways)) {
      const startedUs = usedUs();
      await Promise.all(tasks.map(way));
      if (round >= 0) times.get(name).push((usedUs() - startedUs) / CALLS);
    }
  }
  return new Map([...times].map(([name, list]) => [name, median(list)]));
}

/** The processor's time that this process has used, garbage collection included: other work does not count. */
function usedUs() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`);
for (const maxConcurrent of [10, 100]) {
  const medians = await measure(maxConcurrent);
  const [floor, plain, , guarded] = [...medians.values()];
  print(
    `${CALLS} calls at once, ${maxConcurrent} permits, an agent that answers at once`,
    medians,
    'p-limit + p-retry + p-timeout',
  );
  check('everything configured', guarded / floor, BAR);
  check('nothing configured', plain / floor, BAR);
}
console.log(missed() === 0 ? '\nEvery bar holds.' : `\n${missed()} bars were missed.`);
process.exitCode = missed() === 0 ? 0 : 1;
