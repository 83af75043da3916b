import type { AgentDefinition } from '../contracts/agent.js';
import { parseOptions } from '../input/parse-options.js';
import { checkAgentName } from './agent-name.js';
import { agentDefinitionSchema } from './agent-schema.js';

/**
 * Makes an agent definition: a function or provider with a name and settings of its own. A setting given here
 * beats the orchestrator's and is beaten by the call's.
 *
 * @example
 * ```ts
 * const shout = defineAgent({ name: 'shout', run: (task) => task.toUpperCase(), timeoutMs: 1_000 });
 * ```
 *
 * @throws {@link InvalidArgumentError} for a bad name, an unknown or unfit setting, or neither or both of
 * `run` and `provider`.
 */
export function defineAgent<const Name extends string, Data = unknown>(
  definition: AgentDefinition<Name, Data>,
): AgentDefinition<Name, Data> {
  const checked = checkDefinition(definition);
  checkAgentName(checked.name);
  return checked as AgentDefinition<Name, Data>;
}

/** Checks a definition's settings; its name may be empty, where a record's key gives it. */
export function checkDefinition(definition: unknown): AgentDefinition {
  return Object.freeze(parseOptions(agentDefinitionSchema(), definition, 'agent definition'));
}
