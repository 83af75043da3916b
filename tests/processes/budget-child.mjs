// A process of its own with a run that may spend so much:
// node budget-child.mjs <build> <directory> <budget in dollars> <task that hangs, or none>
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [build, directory, usd, hangsAt] = process.argv.slice(2);
const { AsyncOrchestrator } = await import(pathToFileURL(join(build, 'index.js')).href);

const log = join(directory, 'executed.log');
const orchestrator = new AsyncOrchestrator({
  maxConcurrent: 4,
  agents: [
    {
      name: 'worker',
      maxCostUsd: 0.01,
      run: async (task) => {
        appendFileSync(log, `${task}\n`);
        if (task === hangsAt) await new Promise(() => setTimeout(() => {}, 60_000));
        await new Promise((resolve) => setTimeout(resolve, Number(task) % 3));
        return { output: `done ${task}`, usage: { inputTokens: 1, outputTokens: 2 }, costUsd: 0.008 };
      },
    },
  ],
});

let settled = 0;
await orchestrator.executeMultiple(
  Array.from({ length: 100 }, (_none, index) => ['worker', String(index)]),
  {
    runId: 'on a budget',
    directory,
    budget: { usd: Number(usd) },
    onProgress: () => {
      settled += 1;
      process.stdout.write(`${settled}\n`);
    },
  },
);
await orchestrator.close();
