// The second of two identical calls is answered from the cache.
import assert from 'node:assert/strict';
import { AsyncOrchestrator } from 'tutti';

let answers = 0;
const orchestrator = new AsyncOrchestrator({
  agents: {
    shout: async (task) => {
      answers += 1;
      return { output: task.toUpperCase(), costUsd: 0.01 };
    },
  },
  cache: true, // `cache: { directory: '.tutti' }` keeps answers across processes
});
const first = await orchestrator.execute('shout', 'all together');
const second = await orchestrator.execute('shout', 'all together');
await orchestrator.close();

console.log(`first: ${first.output}, cached: ${first.cached}`);
console.log(`second: ${second.output}, cached: ${second.cached}, saved: $${second.savedUsd}`);
assert.equal(answers, 1, 'the agent answered once');
assert.deepEqual([first.cached, second.cached, second.savedUsd], [false, 'memory', 0.01]);
