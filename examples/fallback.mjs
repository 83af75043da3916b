// When an agent keeps failing with a transient error, another one is tried.
import assert from 'node:assert/strict';
import { AsyncOrchestrator, defineAgent } from 'tutti';

const overloaded = () => Promise.reject(Object.assign(new Error('overloaded'), { status: 503 }));
const orchestrator = new AsyncOrchestrator({
  agents: [
    defineAgent({ name: 'main', run: overloaded, fallbacks: ['spare'] }),
    defineAgent({ name: 'spare', run: (task) => `spare: ${task}` }),
  ],
  maxRetries: 1,
  retry: { minDelayMs: 10 },
});
const switches = [];
orchestrator.on('call:fallback', ({ from, to }) => switches.push(`${from} to ${to}`));
const { output, attempts } = await orchestrator.execute('main', 'hello');
await orchestrator.close();

console.log(`${output}, after ${attempts} attempts (${switches})`);
assert.deepEqual([output, attempts, switches], ['spare: hello', 3, ['main to spare']]);
