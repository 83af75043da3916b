import type { AgentDefinition } from '../contracts/agent.js';
import type { Provider } from '../contracts/provider.js';

/** The settings that every agent can have, given along with a provider's own options. */
export type AgentSettings<Name extends string = string, Data = unknown> = Partial<
  Omit<AgentDefinition<Name, Data>, 'run' | 'provider'>
>;

/**
 * The names of these settings, as option checks. The values are checked when the agent is registered. It is a record
 * over the definition, so that a setting that is missing here does not compile.
 */
export const AGENT_SETTINGS: Readonly<Record<keyof AgentSettings, true>> = {
  name: true,
  title: true,
  description: true,
  model: true,
  instructions: true,
  params: true,
  output: true,
  repairs: true,
  timeoutMs: true,
  timeouts: true,
  deadlineMs: true,
  maxRetries: true,
  maxConcurrent: true,
  cache: true,
  fallbacks: true,
  hedge: true,
  hooks: true,
  onApproval: true,
  idempotent: true,
  budget: true,
  maxCostUsd: true,
  version: true,
  metadata: true,
};

/** The definition of a provider's agent. Its name may be empty: in a record of agents the key is the name. */
export function toDefinition<Name extends string, Data>(
  settings: AgentSettings<Name, Data>,
  provider: Provider,
): AgentDefinition<Name, Data> {
  const given = Object.entries(settings).filter(
    ([key, value]) => Object.hasOwn(AGENT_SETTINGS, key) && value !== undefined,
  );
  return { name: '' as Name, ...Object.fromEntries(given), provider };
}
