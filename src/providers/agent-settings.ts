import type { AgentDefinition } from '../contracts/agent.js';
import type { Provider } from '../contracts/provider.js';

/** The settings that every agent can have, given beside a provider's own options. */
export type AgentSettings<Name extends string = string, Data = unknown> = Partial<
  Omit<AgentDefinition<Name, Data>, 'run' | 'provider'>
>;

/**
 * Their names, as option checks: the values are checked where the agent is registered. A record, so that a
 * setting added to the definition and forgotten here does not compile.
 */
export const AGENT_SETTINGS: Readonly<Record<keyof AgentSettings, true>> = {
  name: true,
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
  idempotent: true,
  budget: true,
  maxCostUsd: true,
  version: true,
};

/** The definition of an agent that a provider answers for. Its name is empty where a record's key will give it. */
export function toDefinition<Name extends string, Data>(
  settings: AgentSettings<Name, Data>,
  provider: Provider,
): AgentDefinition<Name, Data> {
  const given = Object.entries(settings).filter(
    ([key, value]) => Object.hasOwn(AGENT_SETTINGS, key) && value !== undefined,
  );
  return { name: '' as Name, ...Object.fromEntries(given), provider };
}
