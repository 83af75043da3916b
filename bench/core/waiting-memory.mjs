// Bytes of heap for each call that waits: `calls` are submitted at limit 10 to an agent that does not answer yet.
import { parameters, report } from '../child.mjs';
import { gated } from './agents.mjs';
import { contenders } from './contenders.mjs';

const { contender, calls } = parameters();
const { agent, open } = gated();
const { submit } = contenders[contender](agent, 10);
// What the caller holds anyway is there before the first measurement: the tasks, and room for the promises.
const tasks = Array.from({ length: calls }, (_, index) => `task ${index}`);
const answers = new Array(calls).fill(undefined);

// The code itself needs memory, once.
const warmUp = tasks.slice(0, 20).map(submit);
globalThis.gc();
globalThis.gc();
const before = process.memoryUsage().heapUsed;
for (let index = 0; index < calls; index += 1) answers[index] = submit(tasks[index]);
globalThis.gc();
globalThis.gc();
const after = process.memoryUsage().heapUsed;
report((after - before) / calls);
open();
await Promise.all([...warmUp, ...answers]);
