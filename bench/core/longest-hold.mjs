// How long the event loop stands still at a time, in milliseconds, while many calls resolve immediately: a chain of
// immediates measures the time between its links.
import { readFileSync } from 'node:fs';
import { parameters, report } from '../child.mjs';
import { atOnce } from './agents.mjs';
import { ways } from './held-loop.mjs';

const { way, calls, warmUpCalls } = parameters();
const run = ways[way](atOnce);
await run(warmUpCalls)();
const measured = run(calls);
globalThis.gc();

const longest = { passedMs: 0, processorMs: 0 };
let last = times();
let isMeasuring = true;
const link = () => {
  const now = times();
  for (const kind of Object.keys(longest)) longest[kind] = Math.max(longest[kind], now[kind] - last[kind]);
  last = now;
  if (isMeasuring) setImmediate(link);
};
setImmediate(link);
const startedAtMs = performance.now();
await measured();
const elapsedMs = performance.now() - startedAtMs;
// The last turn counts too.
link();
isMeasuring = false;
report({ ...longest, microseconds: (elapsedMs * 1_000) / calls });

/** Time that has passed, and time that this thread has had the processor, where the system tells. */
function times() {
  const passedMs = performance.now();
  // Brings the kernel's figure for this thread up to date.
  process.cpuUsage();
  return { passedMs, processorMs: processorMs() ?? passedMs };
}

function processorMs() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return undefined;
  }
}
