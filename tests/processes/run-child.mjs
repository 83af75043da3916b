// A process of its own with a run of 1,000 tasks: node run-child.mjs <build> <directory> <source: array | async>
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [build, directory, kind] = process.argv.slice(2);
const { AsyncOrchestrator } = await import(pathToFileURL(join(build, 'index.js')).href);

const TASKS = 1_000;
const log = join(directory, 'executed.log');
const orchestrator = new AsyncOrchestrator({
  maxConcurrent: 8,
  agents: {
    worker: async (task) => {
      // Opened with O_APPEND: a line that was written is there, however the process ends.
      appendFileSync(log, `${task}\n`);
      await new Promise((resolve) => setTimeout(resolve, Number(task) % 3));
      return { output: `done ${task}`, usage: { inputTokens: 1, outputTokens: 2 }, costUsd: 0.01 };
    },
  },
});

const list = Array.from({ length: TASKS }, (_none, index) => ['worker', String(index)]);
async function* later() {
  yield* list;
}

let settled = 0;
const results = await orchestrator.executeMultiple(kind === 'array' ? list : later(), {
  runId: 'a thousand',
  directory,
  onProgress: () => {
    settled += 1;
    if (settled % 50 === 0) process.stdout.write(`${settled}\n`);
  },
});
process.stdout.write(`${JSON.stringify(results)}\n`);
await orchestrator.close();
