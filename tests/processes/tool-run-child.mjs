// A process with a run of two tasks whose agent calls tools, and which kills itself on the way:
// node tool-run-child.mjs <build> <directory> <model server> <kind of tool: reconcile | idempotent | plain> <moment> <call>
// It kills itself at the moment `before` or `after` the effect of the tool call of this number, counted from 0.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [build, directory, baseURL, kind, moment, callNumber] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(join(build, name)).href);
const { AsyncOrchestrator } = await load('index.js');
const { anthropic } = await load('providers/index.js');
const { z } = await import('zod');

const log = join(directory, 'effects.log');
const effects = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : []);
let calls = 0;

const book = {
  input: z.object({ seat: z.string() }),
  run: ({ seat }, { key }) => {
    const isLast = calls++ === Number(callNumber);
    if (isLast && moment === 'before') process.kill(process.pid, 'SIGKILL');
    // Opened with O_APPEND: a line that was written is there, however the process ends.
    appendFileSync(log, `${key} ${seat}\n`);
    if (isLast && moment === 'after') process.kill(process.pid, 'SIGKILL');
    return `booked ${seat}`;
  },
  ...(kind === 'idempotent' ? { idempotent: true } : {}),
  ...(kind === 'reconcile'
    ? {
        reconcile: (key) => {
          const line = effects().find((effect) => effect.startsWith(`${key} `));
          return line && `booked ${line.slice(key.length + 1)}`;
        },
      }
    : {}),
};

const orchestrator = new AsyncOrchestrator({
  maxConcurrent: 1,
  agents: {
    clerk: anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL, tools: { book } }),
  },
  retry: { minDelayMs: 1, maxDelayMs: 2 },
});
const tasks = [
  ['clerk', 'Book A.'],
  ['clerk', 'Book B.'],
];
const outcomes = await orchestrator.executeMultiple(tasks, {
  runId: 'bookings',
  directory,
  secret: 'x'.repeat(16),
});
await orchestrator.close();
const told = outcomes.map(({ success, output, usage, error }) => ({
  success,
  output,
  usage,
  code: error?.code,
}));
process.stdout.write(JSON.stringify(told));
