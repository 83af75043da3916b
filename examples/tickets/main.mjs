// Sorts tickets.jsonl into sorted.jsonl and failed.jsonl, both in the order of the tickets. Stop it as you like, with
// Ctrl-C, kill -9 or a power cut: the same command goes on where it was. Usage: node main.mjs [folder]
import { join } from 'node:path';
import { AsyncOrchestrator } from 'tutti';
import { progressBar, readJsonl, stopOnSignals, writeJsonl } from 'tutti/batch';
import { openai } from 'tutti/providers';
import { z } from 'zod';

const folder = process.argv[2] ?? '.';
const directory = join(folder, '.tutti');
const orchestrator = new AsyncOrchestrator({
  agents: {
    sorter: openai({
      model: 'gpt-4.1-mini',
      maxTokens: 100,
      instructions: 'Which team does this ticket belong to, and how urgent is it?',
      output: z.object({ team: z.enum(['billing', 'login', 'other']), urgency: z.number().min(1).max(5) }),
    }),
  },
  maxConcurrent: 32,
  cache: { directory },
});
stopOnSignals(orchestrator);

async function* tasks() {
  for await (const { id, text } of readJsonl(join(folder, 'tickets.jsonl'))) {
    yield { agent: 'sorter', task: text, metadata: { id } };
  }
}
const onProgress = progressBar();
const options = { runId: 'tickets', directory, budget: { usd: 5 }, ordered: true, onProgress };
const sorted = writeJsonl(join(folder, 'sorted.jsonl'));
const failed = writeJsonl(join(folder, 'failed.jsonl'));
for await (const { success, data, error, metadata } of orchestrator.executeEach(tasks(), options)) {
  await (success ? sorted.write({ ...metadata, ...data }) : failed.write({ ...metadata, error }));
}
onProgress.end();
await Promise.all([sorted.close(), failed.close(), orchestrator.close()]);
console.log(`${sorted.written} sorted, ${failed.written} failed`);
