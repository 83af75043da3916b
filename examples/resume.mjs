// A run that was interrupted is resumed: finished tasks are not run again.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AsyncOrchestrator } from 'tutti';

const directory = await mkdtemp(join(tmpdir(), 'tutti-resume-'));
const executed = [];
const orchestrator = new AsyncOrchestrator({
  agents: {
    double: async (task) => {
      executed.push(task);
      return String(2 * Number(task));
    },
  },
  maxConcurrent: 1,
});
const tasks = ['1', '2', '3', '4'].map((task) => ['double', task]);
const run = (options) => orchestrator.executeMultiple(tasks, { runId: 'numbers', directory, ...options });

const interruption = new AbortController();
const interrupt = ({ done }) => done === 2 && interruption.abort();
const cut = await run({ signal: interruption.signal, onProgress: interrupt });
const whole = await run();
await orchestrator.close();
await rm(directory, { recursive: true });

console.log(`interrupted: ${cut.filter(({ success }) => success).length} of ${tasks.length} results`);
console.log(`resumed: ${whole.map(({ output }) => output)}; the agent ran for ${executed}`);
assert.deepEqual(
  whole.map(({ output }) => output),
  ['2', '4', '6', '8'],
);
assert.deepEqual(executed, ['1', '2', '3', '4']);
