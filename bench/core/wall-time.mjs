// Milliseconds from submission to the last answer of a few agents that take a second each.
import { AsyncOrchestrator } from '../../dist/index.js';
import { parameters, report } from '../child.mjs';
import { oneSecond } from './agents.mjs';

const { agents: count, limit } = parameters();
const names = Array.from({ length: count }, (_, index) => `agent-${index}`);
const orchestrator = new AsyncOrchestrator({
  agents: Object.fromEntries(names.map((name) => [name, oneSecond])),
  maxConcurrent: limit,
});
const startedAt = performance.now();
const results = await orchestrator.executeMultiple(names.map((name) => [name, 'take your time']));
const elapsedMs = performance.now() - startedAt;
if (!results.every((result) => result.success)) throw new Error('a call failed');
report(elapsedMs);
