import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { inBuild } from '../processes/current-build.js';

const run = promisify(execFile);

/** Much more than what may be remembered, much less than one object with a window each. */
const MAX_GROWTH_BYTES = 1_500_000;
/** An owner's name and what it has spent. */
const MAX_ACCOUNT_BYTES = 160;
const OWNERS = 20_000;

/** In a process of its own: makes an orchestrator, uses it for `OWNERS` owners, and prints by how much the heap has grown. */
async function growthOf(script: string): Promise<number> {
  const source = `
    import { AsyncOrchestrator, defineAgent } from 'tutti';
    const usage = { inputTokens: 1, outputTokens: 1 };
    const provider = (name) => ({
      specificationVersion: 1,
      name,
      generate: async () => ({ output: 'ok', usage, costUsd: 0.01 }),
      costUsd: () => 0.01,
      close: async () => {},
    });
    const heap = async () => {
      for (let round = 0; round < 4; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        globalThis.gc();
      }
      return process.memoryUsage().heapUsed;
    };
    ${script}
    await use(0, 5_000);
    const before = await heap();
    await use(5_000, ${OWNERS});
    const growth = (await heap()) - before;
    // Nothing was measured after its last use.
    await use(0, 1);
    console.log(growth);
  `;
  const args = ['--expose-gc', '--input-type=module', '--eval', source];
  const { stdout } = await run(process.execPath, args, { cwd: inBuild() });
  return Number(stdout);
}

describe('20,000 distinct', () => {
  test('models of a provider with hedges leave memory where it was', async () => {
    const growth = await growthOf(`
      const orchestrator = new AsyncOrchestrator({
        agents: [defineAgent({ name: 'agent', provider: provider('models') })],
        hedge: { percentile: 95, maxExtraRatio: 0.1 },
      });
      const use = async (from, to) => {
        for (let index = from; index < to; index += 1)
          await orchestrator.execute('agent', 'task', { model: 'model ' + index });
      };
    `);
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  });

  test('tenants that share a queue leave memory where it was', async () => {
    const growth = await growthOf(`
      const orchestrator = new AsyncOrchestrator({
        agents: { agent: async (task) => task },
        maxConcurrent: 2,
        fairness: { tenantWeights: { 'tenant 1': 2 }, agentWeights: { agent: 1 } },
      });
      const use = async (from, to) => {
        for (let first = from; first < to; first += 100) {
          const tenants = Array.from({ length: Math.min(100, to - first) }, (_, place) => 'tenant ' + (first + place));
          await Promise.all(tenants.map((tenant) => orchestrator.execute('agent', 'task', { tenant })));
        }
      };
    `);
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  });

  test('tenants that wait at the same time leave memory where it was', async () => {
    const growth = await growthOf(`
      const orchestrator = new AsyncOrchestrator({ agents: { agent: async (task) => task }, maxConcurrent: 2, fairness: {} });
      const use = async (from, to) => {
        const calls = [];
        for (let index = from; index < to; index += 1)
          calls.push(orchestrator.execute('agent', 'task', { tenant: 'tenant ' + index }));
        await Promise.all(calls);
      };
    `);
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  });

  test('tenants with budgets leave what they have spent', async () => {
    const growth = await growthOf(`
      const orchestrator = new AsyncOrchestrator({
        agents: [defineAgent({ name: 'agent', provider: provider('models'), maxCostUsd: 0.01 })],
        tenantBudget: { usd: 0.02 },
      });
      const use = async (from, to) => {
        for (let index = from; index < to; index += 1)
          await orchestrator.execute('agent', 'task', { tenant: 'tenant ' + index });
      };
    `);
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES + MAX_ACCOUNT_BYTES * OWNERS);
  });

  test('agents that were removed, with all that agents have, leave memory where it was', async () => {
    const growth = await growthOf(`
      const orchestrator = new AsyncOrchestrator({ agents: { last: async () => 'ok' }, cache: true });
      const use = async (from, to) => {
        for (let index = from; index < to; index += 1) {
          const name = 'agent-' + index;
          orchestrator.agents.add(defineAgent({
            name,
            provider: provider('provider ' + (index % 3)),
            maxConcurrent: 2,
            fallbacks: ['last'],
            hedge: { afterMs: 60_000, maxExtraRatio: 0.1 },
            cache: { ttlMs: 1 },
          }));
          await orchestrator.execute(name, 'task');
          orchestrator.agents.remove(name);
        }
        await orchestrator.execute('last', 'task');
      };
    `);
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  });

  test('function agents with breakers and limits that were removed leave memory where it was, once they are idle', async () => {
    const growth = await growthOf(`
      let aheadMs = 0;
      const clock = {
        now: () => performance.now() + aheadMs,
        epochMs: () => Date.now() + aheadMs,
        setTimeout: (callback, delayMs, argument) => setTimeout(callback, delayMs, argument),
        clearTimeout,
      };
      const orchestrator = new AsyncOrchestrator({ clock, limits: { requestsPerMinute: 1_000_000 }, breaker: {} });
      const use = async (from, to) => {
        for (let index = from; index < to; index += 1) {
          const name = 'agent-' + index;
          orchestrator.agents.add(name, async (task) => task);
          await orchestrator.execute(name, 'task');
          orchestrator.agents.remove(name);
          if (index % 100 === 99) aheadMs += 600_000;
        }
      };
    `);
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  });
});
