// Microseconds a call: one contender, one agent, one limit, one number of calls.
import { parameters, report } from '../child.mjs';
import { median } from '../statistics.mjs';
import { atOnce, oneMillisecond } from './agents.mjs';
import { contenders } from './contenders.mjs';

const AGENTS = { atOnce, oneMillisecond };
const { contender, agent, limit, calls, warmUpCalls, samples } = parameters();
const tasks = Array.from({ length: calls }, (_, index) => `task ${index}`);
const { runAll } = contenders[contender](AGENTS[agent], limit);

// In small runs, as the measured ones are: what is compiled for a long list alone is no warm-up for a short one.
for (let done = 0; done < warmUpCalls; done += 1_000) await runAll(tasks.slice(0, 1_000));

const microseconds = [];
for (let sample = 0; sample < samples; sample += 1) {
  globalThis.gc();
  const startedAt = performance.now();
  await runAll(tasks);
  microseconds.push(((performance.now() - startedAt) * 1_000) / calls);
}
report(median(microseconds));
