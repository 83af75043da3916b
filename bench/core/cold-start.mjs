// Milliseconds in a new process from the first line of a script on: until nothing, until zod is imported, until the
// package is, until an orchestrator with a function as its agent has answered its first call. And how long Node took
// to get to that line.
import { parameters, report } from '../child.mjs';

const steps = {
  nothing: async () => {},
  zod: async () => void (await import('zod')),
  import: async () => void (await import('../../dist/index.js')),
  'first call': async () => {
    const { AsyncOrchestrator } = await import('../../dist/index.js');
    const orchestrator = new AsyncOrchestrator({ agents: { shout: (task) => task.toUpperCase() } });
    const { output } = await orchestrator.execute('shout', 'tutti');
    if (output !== 'TUTTI') throw new Error('the call gave another answer');
  },
};

const { until } = parameters();
const startedAt = performance.now();
await steps[until]();
report({ nodeMs: startedAt, ms: performance.now() - startedAt });
