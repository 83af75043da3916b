import { afterEach, expect } from '@jest/globals';
import type { AgentsInput } from '../../src/agents/agent-registry.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

/** An orchestrator with a cache, and the clock it runs on. */
export interface Opened {
  orchestrator: AsyncOrchestrator<AgentsInput>;
  clock: FakeClock;
}

/**
 * Gives a function that makes orchestrators with a cache on clocks of their own. After each test they are closed, and
 * whatever the test did, nothing may be left behind; with `keepsTimers` a cache given by the test may still have its own.
 */
export function openingOrchestrators({
  keepsTimers = false,
} = {}): (options: AsyncOrchestratorOptions<AgentsInput>) => Opened {
  const opened: Opened[] = [];
  afterEach(async () => {
    for (const { orchestrator, clock } of opened.splice(0)) {
      const closing = orchestrator.close({ drainMs: 0 });
      await clock.advance(10_000);
      await closing;
      expect(orchestrator.stats()).toMatchObject({ running: 0, queued: 0, inFlight: 0, backingOff: 0 });
      if (!keepsTimers) expect(clock.pendingTimers).toBe(0);
    }
  });
  return (options) => {
    const clock = (options.clock as FakeClock | undefined) ?? new FakeClock();
    const orchestrator = new AsyncOrchestrator<AgentsInput>({ cache: true, ...options, clock });
    opened.push({ orchestrator, clock });
    return { orchestrator, clock };
  };
}
