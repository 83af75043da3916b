import type { AgentDefinition } from '../contracts/agent.js';
import type { Permits } from '../resilience/permits/concurrency-limit.js';
import type { CallHistory } from './call-history.js';
import type { CallHooks } from './call-hooks.js';
import type { CallServices } from './call-services.js';
import type { CallSettings } from './call-settings.js';
import type { AgentFigures } from './stats.js';

/** An agent as one orchestrator runs it: its definition, its settings laid over the orchestrator's, its permits. */
export interface RegisteredAgent {
  readonly services: CallServices;
  readonly definition: AgentDefinition;
  /** What its calls have done. */
  readonly figures: AgentFigures;
  /** Its latest answers, for forecasts; `undefined` for an agent that makes one call, or a few. */
  readonly history: CallHistory | undefined;
  /** The lane it uses in place of that of its provider's model or function. */
  readonly lane: string | undefined;
  /** Whether a second attempt may run beside a slow one, where `hedge` is set. */
  readonly isHedgeable: boolean;
  /** The agent's settings over the orchestrator's; calls without settings of their own share this object. */
  settings: CallSettings;
  /** What runs around its calls; `undefined` if nothing does. */
  readonly hooks: CallHooks | undefined;
  /** Whether it is a function without hooks: of a string nothing has to be prepared, and its result is complete. */
  readonly isPlain: boolean;
  /** Whether its calls go through lanes, budgets or fallbacks; else they take the plain path. */
  readonly hasTrafficControl: boolean;
  /** Loads code that its calls need beyond what every call needs; a promise as long as some is missing. */
  readonly loadCode: (() => Promise<unknown> | undefined) | undefined;
  /** Agents that may answer in its place. */
  fallbacks(): readonly RegisteredAgent[];
  /** The orchestrator's permits, behind the agent's own where it has a limit. */
  readonly permits: Permits;
}
