import type { Provider } from '../../contracts/provider.js';
import { asError } from '../../errors/foreign.js';
import type { Logger } from '../../logging/logger.js';

/** Number of providers without agents from which on those that no call uses are closed. */
const FIRST_SWEEP = 64;

/**
 * The providers of an orchestrator's agents, and those of removed agents until the last call that may use them has
 * ended. Every one of them is closed once.
 */
export class ProviderUsers {
  readonly #logger: Logger;
  /** Number of agents of each provider. */
  readonly #agents = new Map<Provider, number>();
  /** When the last agent of a provider was removed. */
  readonly #removedAtMs = new Map<Provider, number>();
  #sweepAt = FIRST_SWEEP;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** An agent of the provider was registered. */
  add(provider: Provider): void {
    this.#agents.set(provider, (this.#agents.get(provider) ?? 0) + 1);
    this.#removedAtMs.delete(provider);
  }

  /**
   * An agent of the provider was removed.
   *
   * @param oldestCallMs When the oldest call in flight was submitted; `undefined` if there is none.
   */
  remove(provider: Provider, nowMs: number, oldestCallMs: number | undefined): void {
    const agents = (this.#agents.get(provider) ?? 0) - 1;
    if (agents > 0) {
      this.#agents.set(provider, agents);
      return;
    }
    this.#agents.delete(provider);
    this.#removedAtMs.set(provider, nowMs);
    if (this.#removedAtMs.size >= this.#sweepAt) this.#sweep(oldestCallMs ?? Infinity);
  }

  /** Closes all of them. */
  async closeAll(): Promise<void> {
    for (const provider of [...this.#agents.keys(), ...this.#removedAtMs.keys()]) await this.#close(provider);
  }

  /** A call that was accepted before the agent was removed may use its provider. Doubling the threshold keeps this O(1). */
  #sweep(oldestCallMs: number): void {
    for (const [provider, removedAtMs] of this.#removedAtMs) {
      if (removedAtMs >= oldestCallMs) continue;
      this.#removedAtMs.delete(provider);
      void this.#close(provider);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#removedAtMs.size);
  }

  async #close(provider: Provider): Promise<void> {
    try {
      await provider.close?.();
    } catch (thrown) {
      this.#logger.error({ error: asError(thrown), provider: provider.name }, 'a provider failed to close');
    }
  }
}
