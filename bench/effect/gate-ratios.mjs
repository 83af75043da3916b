// In a process of its own: what a call costs, as a ratio to what others cost, in processor time.
import { LRUCache } from 'lru-cache';
import { ResponseCache } from '../../dist/cache/index.js';
import { AsyncOrchestrator } from '../../dist/index.js';
import { report } from '../child.mjs';
import { contenders } from '../core/contenders.mjs';

const ROUNDS = 15;
const tasks = Array.from({ length: 5_000 }, (_, index) => `task ${index}`);
const agent = async (task) => task;

const composed = contenders.composition(agent, 10);
const single = contenders['execute()'](agent, 10);
const multiple = contenders['executeMultiple()'](agent, 10);
const lru = new LRUCache({ max: 10_000 });
const cache = new ResponseCache();
const orchestrator = new AsyncOrchestrator({ agents: { expert: agent }, cache });
const keyOf = (task) => cache.key({ agent: 'expert', task });
for (const task of tasks) {
  lru.set(keyOf(task), task);
  await orchestrator.execute('expert', task);
}

const works = {
  composition: () => composed.runAll(tasks),
  execute: () => single.runAll(tasks),
  multiple: () => multiple.runAll(tasks),
  bare: () => {
    for (const task of tasks) lru.get(keyOf(task));
  },
  hit: async () => {
    for (const task of tasks) await orchestrator.execute('expert', task);
  },
};
const times = Object.fromEntries(Object.keys(works).map((name) => [name, []]));
for (let round = -3; round < ROUNDS; round += 1) {
  for (const [name, work] of Object.entries(works)) {
    global.gc?.();
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) times[name].push(user + system);
  }
}
// The quietest round of each: other work on the machine only ever adds.
const [composition, execute, batch, bare, hit] = Object.values(times).map((list) => Math.min(...list));
report({
  'execute() to the composition': execute / composition,
  'executeMultiple() to the composition': batch / composition,
  'a cached call to lru-cache with the same key': hit / bare,
});
await orchestrator.close();
