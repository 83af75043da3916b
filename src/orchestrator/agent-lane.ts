import type { QueueLinks } from '../collections/priority-queue.js';
import type { ConcurrencyLimit, PermitRequest } from '../resilience/concurrency-limit.js';

/**
 * Takes an attempt through two limits, its agent's own and then the orchestrator's. The agent's permit is kept
 * while the attempt waits for the orchestrator's: it is not running yet, so no capacity is lost.
 */
export class AgentLane implements PermitRequest {
  readonly priority: number;
  readonly queuedAtMs: number;
  links: QueueLinks | undefined = undefined;
  readonly #agentLimit: ConcurrencyLimit;
  readonly #permits: ConcurrencyLimit;
  readonly #attempt: PermitRequest;
  #leave: (() => void) | undefined = undefined;

  constructor(agentLimit: ConcurrencyLimit, permits: ConcurrencyLimit, attempt: PermitRequest) {
    this.priority = attempt.priority;
    this.queuedAtMs = attempt.queuedAtMs;
    this.#agentLimit = agentLimit;
    this.#permits = permits;
    this.#attempt = attempt;
  }

  /** Asks for the agent's permit. */
  submit(): void {
    this.#agentLimit.submit(this);
  }

  /** Has the agent's permit; asks for the orchestrator's. */
  start(): Promise<void> {
    return new Promise((leave) => {
      this.#leave = leave;
      this.#permits.submit(this.#attempt);
    });
  }

  /** Leaves whichever queue it stands in. Says whether it was still waiting. */
  withdraw(): boolean {
    if (this.#agentLimit.withdraw(this)) return true;
    if (!this.#permits.withdraw(this.#attempt)) return false;
    this.leave();
    return true;
  }

  /** Gives the agent's permit back. */
  leave(): void {
    this.#leave?.();
  }
}
