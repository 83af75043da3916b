import type { AgentsInput } from '../../src/agents/agent-registry.js';
import type { ResponseCacheOptions } from '../../src/cache/cache-options.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import type { Provider, ProviderRequest } from '../../src/contracts/provider.js';
import type { AgentReplyObject } from '../../src/contracts/reply.js';
import type { CallOutcome } from '../../src/contracts/result.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { seeded } from '../behaviour/seeded-random.js';

/** An orchestrator under traffic that is the same for the same seed. */
export interface SeededTraffic {
  readonly orchestrator: AsyncOrchestrator<AgentsInput>;
  readonly cache: ResponseCache;
  readonly clock: FakeClock;
  /** Makes this many calls and gives their outcomes. */
  run(calls: number): Promise<CallOutcome[]>;
  close(): Promise<void>;
}

/** A model behind a network: it takes time, sometimes very long, and sometimes fails. */
function modelOf(name: string, clock: FakeClock, random: () => number, failing: number): Provider {
  const answer = async ({ model, task, signal, toolHost }: ProviderRequest): Promise<AgentReplyObject> => {
    const tookMs = (random() < 0.04 ? 12 : 1) * (40 + 100 * random());
    await new Promise<void>((resolve, reject) => {
      const timer = clock.setTimeout(resolve, tookMs, undefined);
      signal.addEventListener('abort', () => {
        clock.clearTimeout(timer);
        reject(signal.reason);
      });
    });
    if (random() < failing) throw Object.assign(new Error('overloaded'), { status: 529, retryable: true });
    if (random() < failing / 3) throw Object.assign(new Error('no such thing'), { status: 400 });
    if (random() < 0.2) toolHost?.started({ tool: 'search', toolCallId: task, key: task })(random() < 0.1);
    const usage = {
      inputTokens: task.length,
      outputTokens: 1 + Math.floor(40 * random()),
      cacheReadTokens: 2,
    };
    return { output: `${name}: ${task}`, model: model ?? name, usage, costUsd: usage.outputTokens / 1_024 };
  };
  return { specificationVersion: 1, name, generate: answer };
}

/** Opens an orchestrator with retries, hedges, fallbacks, budgets, tenants and a cache. */
export function openTraffic(seed: number, cacheOptions: ResponseCacheOptions = {}): SeededTraffic {
  const clock = new FakeClock();
  const random = seeded(seed);
  const cache = new ResponseCache({ clock, ttlMs: 20_000, staleWhileRevalidateMs: 60_000, ...cacheOptions });
  const steady = modelOf('steady', clock, random, 0.02);
  const shaky = modelOf('shaky', clock, random, 0.12);
  const orchestrator = new AsyncOrchestrator<AgentsInput>({
    clock,
    cache,
    maxConcurrent: 32,
    timeoutMs: 1_000,
    retry: { minDelayMs: 10, jitter: 'none' },
    hedge: { percentile: 90, maxExtraRatio: 0.2 },
    budget: { usd: 1e6, perCallUsd: 1 },
    agents: [
      { name: 'writer', provider: steady, model: 'steady-large' },
      { name: 'reviewer', provider: shaky, model: 'shaky-1', fallbacks: ['writer'], maxRetries: 0 },
      { name: 'guesser', provider: shaky, model: 'shaky-2' },
      { name: 'shout', run: (task: string) => task.toUpperCase() },
    ],
  });
  const agents = ['writer', 'reviewer', 'guesser', 'shout'];
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const call = (): Promise<CallOutcome> => {
    const task = `task ${Math.floor(600 * random() ** 2)}`;
    const options = {
      tenant: pick(['north', 'south', undefined]),
      ...(random() < 0.02 ? { deadlineMs: 60 } : undefined),
      ...(random() < 0.01 ? { signal: AbortSignal.abort() } : undefined),
    };
    return orchestrator
      .execute(pick(agents), task, options)
      .catch((error: unknown) => ({ success: false, error }) as CallOutcome);
  };
  const run = async (calls: number): Promise<CallOutcome[]> => {
    const outcomes: Array<Promise<CallOutcome>> = [];
    for (let made = 0; made < calls; made += 50) {
      for (let index = 0; index < Math.min(50, calls - made); index += 1) outcomes.push(call());
      await clock.advance(600);
    }
    await clock.advance(60_000);
    return Promise.all(outcomes);
  };
  const close = async (): Promise<void> => {
    const closing = orchestrator.close({ drainMs: 0 });
    await clock.advance(10_000);
    await closing;
    await cache.close();
  };
  return { orchestrator, cache, clock, run, close };
}
