import { expect } from '@jest/globals';
import type { AgentsInput } from '../../src/agents/agent-registry.js';
import type { AgentContext, AgentDefinition } from '../../src/contracts/agent.js';
import type { AgentReply } from '../../src/contracts/reply.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

/** An orchestrator with agents of any names, on a clock that the test moves. */
export interface TestOrchestrator {
  readonly orchestrator: AsyncOrchestrator<AgentsInput>;
  readonly clock: FakeClock;
}

const opened: TestOrchestrator[] = [];

/** Opens one; {@link closeAll} closes it. */
export function open(options: AsyncOrchestratorOptions<AgentsInput>): TestOrchestrator {
  const clock = new FakeClock();
  const orchestrator = new AsyncOrchestrator<AgentsInput>({ ...options, clock });
  const test = { orchestrator, clock };
  opened.push(test);
  return test;
}

/** Closes all that were opened, and sees that no call, permit or timer is left. */
export async function closeAll(): Promise<void> {
  for (const { orchestrator, clock } of opened.splice(0)) {
    const closing = orchestrator.close({ drainMs: 0 });
    await clock.advance(10_000);
    await closing;
    const stats = orchestrator.stats();
    expect(stats).toMatchObject({ running: 0, queued: 0, inFlight: 0, backingOff: 0 });
    for (const lane of Object.values(stats.lanes)) expect(lane).toMatchObject({ inFlight: 0, waiting: 0 });
    expect(stats.budget?.reservedUsd ?? 0).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  }
}

/** What a {@link Service} is asked. */
export interface Asked {
  readonly task: string;
  readonly index: number;
  readonly atMs: number;
  readonly context: AgentContext;
}

/** A service that takes time, and remembers what reached it when. */
export class Service {
  readonly asked: Asked[] = [];
  /** How many were stopped by their signals. */
  aborted = 0;
  running = 0;
  most = 0;
  clock!: FakeClock;
  readonly #answer: (asked: Asked) => AgentReply;
  readonly #latencyMs: (asked: Asked) => number;

  constructor(
    answer: (asked: Asked) => AgentReply = () => 'answer',
    latencyMs: number | ((asked: Asked) => number) = 10,
  ) {
    this.#answer = answer;
    this.#latencyMs = typeof latencyMs === 'number' ? () => latencyMs : latencyMs;
  }

  /** When each request came. */
  get arrivals(): number[] {
    return this.asked.map(({ atMs }) => atMs);
  }

  /** The agent that asks it. */
  agent(name: string, more: Partial<AgentDefinition> = {}): AgentDefinition {
    return { ...more, name, run: this.run };
  }

  readonly run = (task: string, context: AgentContext): Promise<AgentReply> => {
    const asked = { task, context, index: this.asked.length, atMs: this.clock.now() };
    this.asked.push(asked);
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.clock.clearTimeout(timer);
        this.running -= 1;
        this.aborted += 1;
        reject(context.signal.reason);
      };
      const end = (): void => {
        context.signal.removeEventListener('abort', abort);
        this.running -= 1;
        try {
          resolve(this.#answer(asked));
        } catch (error) {
          reject(error);
        }
      };
      const timer = this.clock.setTimeout(end, this.#latencyMs(asked), undefined);
      context.signal.addEventListener('abort', abort, { once: true });
    });
  };
}

/** Opens an orchestrator whose agents ask services. */
export function openWith(
  services: readonly Service[],
  options: AsyncOrchestratorOptions<AgentsInput>,
): TestOrchestrator {
  const test = open(options);
  for (const service of services) service.clock = test.clock;
  return test;
}

/** The most arrivals in any window of this length. */
export function mostWithin(arrivals: readonly number[], windowMs: number): number {
  let most = 0;
  for (const start of arrivals) {
    most = Math.max(most, arrivals.filter((atMs) => atMs >= start && atMs < start + windowMs).length);
  }
  return most;
}
