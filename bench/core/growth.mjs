// Microseconds a call at a small and at a large number of calls, in one warm process, taking turns.
import { parameters, report } from '../child.mjs';
import { median } from '../statistics.mjs';
import { atOnce } from './agents.mjs';
import { contenders } from './contenders.mjs';

const { contender, few, many, rounds } = parameters();
const tasks = Array.from({ length: many }, (_, index) => `task ${index}`);
const fewTasks = tasks.slice(0, few);
const { runAll } = contenders[contender](atOnce, 10);

async function perCall(list, runs) {
  globalThis.gc();
  const startedAt = performance.now();
  for (let run = 0; run < runs; run += 1) await runAll(list);
  return ((performance.now() - startedAt) * 1_000) / (list.length * runs);
}

// Both have made as many calls before as they make in a measurement.
await perCall(fewTasks, many / few);
await perCall(tasks, 1);

const small = [];
const large = [];
for (let round = 0; round < rounds; round += 1) {
  small.push(await perCall(fewTasks, many / few));
  large.push(await perCall(tasks, 1));
}
report({ small: median(small), large: median(large) });
