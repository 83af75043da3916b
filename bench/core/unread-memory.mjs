// Bytes of heap for each task of `executeMultiple` that has not been read yet, while ten calls run.
import { setImmediate as turn } from 'node:timers/promises';
import { AsyncOrchestrator } from '../../dist/index.js';
import { parameters, report } from '../child.mjs';
import { gated } from './agents.mjs';

const { source, tasks: length } = parameters();
const array = Array.from({ length }, (_, index) => ['agent', `task ${index}`]);
function* generated() {
  for (const task of array) yield task;
}
const { agent, open } = gated();
const orchestrator = new AsyncOrchestrator({ agents: { agent }, maxConcurrent: 10 });

// What makes a run is loaded with the first one.
await new AsyncOrchestrator({ agents: { agent: () => 'done' } }).executeMultiple([['agent', 'first']]);
globalThis.gc();
globalThis.gc();
const before = process.memoryUsage().heapUsed;
const run = orchestrator.executeMultiple(source === 'array' ? array : generated());
while (orchestrator.stats().running < 10) await turn();
globalThis.gc();
globalThis.gc();
const after = process.memoryUsage().heapUsed;
report((after - before) / length);
open();
const results = await run;
if (results.length !== length) throw new Error('a result is missing');
