import { describe, expect, test } from '@jest/globals';
import { ProviderUsers } from '../../../src/calls/admission/provider-users.js';
import type { Provider } from '../../../src/contracts/provider.js';
import { AsyncOrchestrator, defineAgent } from '../../../src/index.js';
import { silentLogger } from '../../../src/logging/logger.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { wait } from '../../behaviour/scripted-agents.js';

type Closable = Provider & { closed: number };

/** A provider that counts how often it was closed. */
function closable(answer: () => Promise<string> = async () => 'ok'): Closable {
  return {
    specificationVersion: 1,
    name: 'closable',
    closed: 0,
    generate: async () => ({ output: await answer() }),
    async close() {
      this.closed += 1;
    },
  };
}

const many = (count: number) => Array.from({ length: count }, () => closable());
const closedOf = (providers: readonly Closable[]) => new Set(providers.map(({ closed }) => closed));

describe('the providers of an orchestrator', () => {
  test('are closed once, those of removed agents and those that agents share too', async () => {
    const [shared, removed, alone] = many(3) as [Closable, Closable, Closable];
    const users = new ProviderUsers(silentLogger);
    for (const provider of [shared, shared, removed, alone]) users.add(provider);
    for (const provider of [shared, removed]) users.remove(provider, 0, undefined);
    await users.closeAll();
    expect(closedOf([shared, removed, alone])).toEqual(new Set([1]));
  });

  test('are closed before that when there are many without agents, and no call can use them', async () => {
    const users = new ProviderUsers(silentLogger);
    const providers = many(1_000);
    for (const provider of providers) {
      users.add(provider);
      users.remove(provider, 0, undefined);
    }
    expect(providers.filter(({ closed }) => closed === 0).length).toBeLessThan(64);
    await users.closeAll();
    expect(closedOf(providers)).toEqual(new Set([1]));
  });

  test('stay open while a call may use them, and when they get an agent again', async () => {
    const users = new ProviderUsers(silentLogger);
    const providers = many(100);
    const [again] = providers;
    for (const provider of providers) users.add(provider);
    for (const provider of providers) users.remove(provider, 5_000, 4_999);
    expect(closedOf(providers)).toEqual(new Set([0]));
    users.add(again as Provider);
    for (const provider of many(200)) {
      users.add(provider);
      users.remove(provider, 6_000, 5_001);
    }
    expect(again?.closed).toBe(0);
    expect(closedOf(providers.slice(1))).toEqual(new Set([1]));
    await users.closeAll();
    expect(closedOf(providers)).toEqual(new Set([1]));
  });

  test('of agents that were removed while they were called are closed after those calls', async () => {
    const clock = new FakeClock();
    const slow = closable(() => wait(clock, 1_000).then(() => 'late answer'));
    await using orchestrator = new AsyncOrchestrator({ clock });
    orchestrator.agents.add(defineAgent({ name: 'slow', provider: slow }));
    const call = orchestrator.execute('slow', 'task');
    await clock.advance(1);
    orchestrator.agents.remove('slow');
    const replace = (): void => {
      for (const [index, provider] of many(200).entries()) {
        orchestrator.agents.add(defineAgent({ name: `short-${index}`, provider }));
        orchestrator.agents.remove(`short-${index}`);
      }
    };
    replace();
    expect(slow.closed).toBe(0);
    await clock.advance(1_000);
    expect(await call).toMatchObject({ output: 'late answer' });
    replace();
    expect(slow.closed).toBe(1);
  });
});
