import type { AgentDefinition } from '../contracts/agent.js';
import { parseOptions } from '../input/parse-options.js';
import { checkAgentName } from './agent-name.js';
import { agentDefinitionSchema } from './agent-schema.js';

/**
 * Creates an agent definition: a function or provider with a name and settings. These settings override the
 * orchestrator's; those of a call override them.
 *
 * @example
 * ```ts
 * const shout = defineAgent({ name: 'shout', run: (task) => task.toUpperCase(), timeoutMs: 1_000 });
 * ```
 *
 * @throws {@link InvalidArgumentError} for an invalid name, an unknown or invalid setting, or if not exactly one of
 * `run` and `provider` is set.
 */
export function defineAgent<const Name extends string, Data = unknown>(
  definition: AgentDefinition<Name, Data>,
): AgentDefinition<Name, Data> {
  const checked = checkDefinition(definition);
  checkAgentName(checked.name);
  return checked as AgentDefinition<Name, Data>;
}

/** Checks the settings of a definition. Its name may be empty: in a record of agents the key is the name. */
export function checkDefinition(definition: unknown): AgentDefinition {
  return Object.freeze(parseOptions(agentDefinitionSchema(), definition, 'agent definition'));
}
