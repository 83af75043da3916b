import type { AgentDefinition, AgentFunction, ReplyData } from '../contracts/agent.js';
import { fieldOf } from '../errors/foreign.js';
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
 * Its type keeps the name and the type of `data`: that of the `output` schema, else of what the function returns as
 * `data`; `unknown` for a provider, and where `fallbacks` may answer instead.
 *
 * @throws {@link InvalidArgumentError} for an invalid name, an unknown or invalid setting, or if not exactly one of
 * `run` and `provider` is set.
 */
export function defineAgent<
  const Name extends string,
  Data = undefined,
  Run extends AgentFunction = AgentFunction,
  const Fallbacks extends readonly string[] = never,
>(
  definition: Omit<AgentDefinition<Name, Data>, 'run' | 'fallbacks'> & {
    readonly run?: Run | undefined;
    readonly fallbacks?: Fallbacks | undefined;
  },
): AgentDefinition<Name, DefinedData<Data, Run, Fallbacks>> {
  const checked = checkDefinition(definition);
  checkAgentName(checked.name);
  return checked as AgentDefinition<Name, DefinedData<Data, Run, Fallbacks>>;
}

/** The type of a defined agent's `data`. */
export type DefinedData<Data, Run extends AgentFunction, Fallbacks> = [Data] extends [undefined]
  ? [Fallbacks] extends [never]
    ? ReplyData<ReturnType<Run>>
    : unknown
  : Data;

/** Longer names are not repeated in full. */
const MAX_NAME_CHARS = 128;

/** Checks the settings of a definition. Its name may be empty: in a record of agents the key is the name. */
export function checkDefinition(definition: unknown): AgentDefinition {
  const name = typeof definition === 'object' ? fieldOf(definition, 'name') : undefined;
  const isNamed = typeof name === 'string' && name !== '';
  const what = isNamed ? `agent definition "${name.slice(0, MAX_NAME_CHARS)}"` : 'agent definition';
  return Object.freeze(parseOptions(agentDefinitionSchema(), definition, what));
}
