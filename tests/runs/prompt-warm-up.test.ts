import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Provider, ProviderRequest } from '../../src/contracts/provider.js';
import { AsyncOrchestrator, type CallOutcome, defineAgent } from '../../src/index.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';

const LONG = 'four'.repeat(20_000);
const tasks = (count: number, agent = 'helper') =>
  Array.from({ length: count }, (_, place) => [agent, `question ${place}`] as const);
const failures = (outcomes: readonly CallOutcome[]) => outcomes.filter(({ success }) => !success);

describe('warmFirst, at a server that caches prompts', () => {
  let server: ModelServer;
  beforeEach(async () => {
    server = await startModelServer({ delayMs: 20 }, { promptCache: true });
  });
  afterEach(() => server.close());

  const open = (more: object = {}, options: object = {}) =>
    new AsyncOrchestrator({
      agents: {
        helper: anthropic({
          ...{ model: 'claude-sonnet-4-5', instructions: LONG, apiKey: 'k' },
          ...{ baseURL: server.url, ...more },
        }),
      },
      maxConcurrent: 100,
      ...options,
    });

  test.each([false, true])(
    'a hundred calls write the prompt cache once (cache of answers: %s)',
    async (cache) => {
      await using orchestrator = open({}, { cache });
      const outcomes = await orchestrator.executeMultiple(tasks(100), { warmFirst: true });
      expect(failures(outcomes)).toEqual([]);
      expect(server.billed.cacheWrites).toBe(1);
      expect(server.billed.cacheReadTokens).toBeGreaterThan(99 * 19_000);
    },
  );

  test('executeEach writes it once, too; without warmFirst every call writes it', async () => {
    await using orchestrator = open();
    let count = 0;
    for await (const { success } of orchestrator.executeEach(tasks(20), { warmFirst: true }))
      count += Number(success);
    expect([count, server.billed.cacheWrites]).toEqual([20, 1]);
    await using other = open({ instructions: `${LONG}!` });
    await other.executeMultiple(tasks(20));
    expect(server.billed.cacheWrites).toBeGreaterThan(10);
  });

  test('holds no call of an agent whose prompt is short', async () => {
    let arrived = 0;
    let allArrived = (): void => {};
    const all = new Promise<void>((resolve) => {
      allArrived = resolve;
    });
    server.script(() => {
      arrived += 1;
      if (arrived === 5) allArrived();
      // No answer begins before all have arrived.
      return { fault: arrived === 5 ? undefined : 'hang' };
    });
    await using orchestrator = open({ instructions: 'Be brief.' });
    const run = orchestrator.executeMultiple(tasks(5), { warmFirst: true, maxRetries: 0 });
    await all;
    await orchestrator.close({ drainMs: 0 });
    expect(failures(await run).length).toBeGreaterThanOrEqual(4);
  });
});

/** A provider whose calls end when they are told to. */
class HeldProvider implements Provider {
  readonly specificationVersion = 1;
  readonly name = 'held';
  readonly requests: Array<ProviderRequest & { end(error?: Error): void }> = [];

  cachesPrefix(): boolean {
    return true;
  }

  generate(request: ProviderRequest): Promise<{ output: string }> {
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void =>
        error === undefined ? resolve({ output: request.task }) : reject(error);
      request.signal.addEventListener('abort', () => end(new Error('aborted')));
      this.requests.push({ ...request, end });
    });
  }
}

describe('warmFirst', () => {
  const clock = new FakeClock();
  const response = (status: number) => ({
    ...{ provider: 'held', model: undefined, status, requestId: undefined },
    ...{ retryAfterMs: undefined, limits: undefined },
  });

  function open(options: object = {}) {
    const providers = [new HeldProvider(), new HeldProvider()] as const;
    const agents = providers.map((provider, place) => defineAgent({ name: `held-${place}`, provider }));
    const orchestrator = new AsyncOrchestrator({ clock, agents, maxRetries: 0, ...options });
    return { orchestrator, providers };
  }

  /** Ends all calls as they come. */
  async function endAll(providers: readonly HeldProvider[], run: Promise<readonly CallOutcome[]>) {
    let isDone = false;
    void run.then(() => {
      isDone = true;
    });
    while (!isDone) {
      for (const { requests } of providers) for (const { end } of requests) end();
      await clock.advance(0);
    }
    return await run;
  }

  test('lets the others go when the answer to the first one begins; an error is no answer', async () => {
    const { orchestrator, providers } = open();
    const [provider] = providers;
    const run = orchestrator.executeMultiple(tasks(6, 'held-0'), { warmFirst: true });
    await clock.advance(1_000);
    expect(provider.requests).toHaveLength(1);
    provider.requests[0]?.onResponse?.(response(529));
    await clock.advance(1_000);
    expect(provider.requests).toHaveLength(1);
    provider.requests[0]?.onResponse?.(response(200));
    await clock.advance(0);
    expect(provider.requests).toHaveLength(6);
    expect(failures(await endAll(providers, run))).toEqual([]);
  });

  test('lets the others go when the first one fails, and after five seconds', async () => {
    for (const release of ['fail', 'wait'] as const) {
      const { orchestrator, providers } = open();
      const [provider] = providers;
      const run = orchestrator.executeMultiple(tasks(6, 'held-0'), { warmFirst: true });
      await clock.advance(4_999);
      expect(provider.requests).toHaveLength(1);
      if (release === 'fail') provider.requests[0]?.end(new Error('no'));
      else await clock.advance(1);
      await clock.advance(0);
      expect(provider.requests).toHaveLength(6);
      expect(failures(await endAll(providers, run))).toHaveLength(release === 'fail' ? 1 : 0);
      expect(clock.pendingTimers).toBe(0);
    }
  });

  test('makes one call of each agent first, and reads on for agents behind those that are held', async () => {
    const { orchestrator, providers } = open({ maxConcurrent: 4 });
    const mixed = [...tasks(6, 'held-0'), ...tasks(2, 'held-1')];
    const run = orchestrator.executeMultiple(mixed, { warmFirst: true });
    await clock.advance(0);
    expect(providers.map(({ requests }) => requests.length)).toEqual([1, 1]);
    expect(failures(await endAll(providers, run))).toEqual([]);
    expect(providers.map(({ requests }) => requests.length)).toEqual([6, 2]);
  });

  test('a held call that is cancelled or out of time ends at once, and the rest goes on', async () => {
    const { orchestrator, providers } = open();
    const leaver = new AbortController();
    const [first, second, third] = tasks(3, 'held-0').map(([agent, task]) => ({ agent, task }));
    const run = orchestrator.executeMultiple(
      [first as never, { ...second, signal: leaver.signal } as never, { ...third, deadlineMs: 700 } as never],
      { warmFirst: true },
    );
    await clock.advance(500);
    leaver.abort();
    await clock.advance(500);
    const outcomes = (await endAll(providers, run as never)) as CallOutcome[];
    expect(outcomes.map((outcome) => (outcome.success ? 'ok' : outcome.error.code))).toEqual([
      ...['ok', 'TUTTI_CANCELLED', 'TUTTI_TIMEOUT'],
    ]);
    expect(providers[0].requests).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a provider that cannot say whether it caches holds nothing', async () => {
    const { orchestrator, providers } = open();
    providers[0].cachesPrefix = () => {
      throw new Error('no');
    };
    const run = orchestrator.executeMultiple(tasks(3, 'held-0'), { warmFirst: true });
    await clock.advance(0);
    expect(providers[0].requests).toHaveLength(3);
    expect(failures(await endAll(providers, run))).toEqual([]);
  });
});

test('prompts are cached from 1,024 tokens of instructions and tools on, where a provider caches them itself', () => {
  const { provider } = openai({ model: 'gpt-4.1', apiKey: 'k' });
  expect(provider?.cachesPrefix?.('gpt-4.1', LONG)).toBe(true);
  expect(provider?.cachesPrefix?.('gpt-4.1', 'Be brief.')).toBe(false);
  const off = anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', promptCache: false }).provider;
  expect(off?.cachesPrefix?.('claude-sonnet-4-5', LONG)).toBe(false);
});
