import type { AgentDefinition } from '../contracts/agent.js';
import type { ConcurrencyLimit } from '../resilience/concurrency-limit.js';
import type { CallSettings } from './options.js';

/** An agent as one orchestrator runs it: its definition, its settings laid over the orchestrator's, its own limit. */
export interface RegisteredAgent {
  readonly definition: AgentDefinition;
  /** The agent's settings over the orchestrator's; calls without settings of their own share this object. */
  settings: CallSettings;
  /** Permits of this agent alone; `undefined` where only the orchestrator's limit counts. */
  readonly limit: ConcurrencyLimit | undefined;
}
