// Run in a folder where the packed package is installed: the shortest path through every part of the public API.
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import * as tutti from 'tutti';

const { AsyncOrchestrator, defineAgent, TimeoutError } = tutti;

const require = createRequire(import.meta.url);
assert.equal(
  require('tutti').AsyncOrchestrator,
  AsyncOrchestrator,
  'require and import return the same module',
);

// Errors are named after their class, and bundling must not rename it.
for (const [name, exported] of Object.entries(tutti)) {
  if (typeof exported === 'function' && /Error$/.test(name)) assert.equal(exported.name, name);
}

let failures = 2;
const orchestrator = new AsyncOrchestrator({
  agents: {
    shout: (task) => task.toUpperCase(),
    never: () => new Promise(() => {}),
    flaky: async () => {
      if (failures-- > 0) throw Object.assign(new Error('busy'), { status: 503 });
      return 'at last';
    },
    async *spell(task) {
      yield* task;
    },
    defined: defineAgent({ name: 'defined', run: async (task) => ({ output: task, costUsd: 0.5 }) }),
  },
  retry: { minDelayMs: 1 },
  abandonMs: 10,
});

const events = [];
orchestrator.on('call:end', ({ agent }) => events.push(agent));
const results = await orchestrator.executeMultiple([
  ['shout', 'tutti'],
  ['flaky', 'try'],
  { agent: 'never', task: 'wait', timeoutMs: 20, maxRetries: 0 },
  ['defined', 'cheap'],
]);
assert.deepEqual(
  results.map((result) => (result.success ? result.output : result.error.code)),
  ['TUTTI', 'at last', 'TUTTI_TIMEOUT', 'cheap'],
);
assert.ok(results[2].error instanceof TimeoutError);
assert.equal(results[1].attempts, 3);
assert.equal(events.length, 4);

let spelt = '';
for await (const letter of orchestrator.stream('spell', 'tutti').text) spelt += letter;
assert.equal(spelt, 'tutti');

await orchestrator.close();
await assert.rejects(orchestrator.execute('shout', 'late'), { code: 'TUTTI_CLOSED' });
console.log(`Node.js ${process.version}: the installed package works`);
