import type { AgentDefinition, AgentFunction } from '../contracts/agent.js';
import { DuplicateAgentError, InvalidArgumentError, UnknownAgentError } from '../errors/input-errors.js';
import { describeValue } from '../input/describe-value.js';
import { nearestName } from '../input/nearest-name.js';
import { checkAgentName } from './agent-name.js';
import { checkDefinition } from './define-agent.js';

/**
 * A function, or a definition with its own settings. Every function has a `name` and so would match the type of a
 * definition, whatever its signature; `apply` excludes functions from that half of the type.
 */
// biome-ignore lint/suspicious/noExplicitAny: a definition of any name and data is accepted, and both are kept by inference
export type AgentInput = AgentFunction | (AgentDefinition<any, any> & NoFunction);

/** Matches everything but functions. */
export interface NoFunction {
  /** A method that every function has. */
  readonly apply?: never;
}

/** The agents of a new orchestrator: a record of name → agent, or an array of definitions. */
// biome-ignore lint/suspicious/noExplicitAny: a definition of any name and data is accepted here too
export type AgentsInput = Readonly<Record<string, AgentInput>> | ReadonlyArray<AgentDefinition<any, any>>;

/** Notified when an agent is added or removed. */
export interface RegistryObserver {
  /** An agent was registered. */
  added(definition: AgentDefinition): void;
  /** An agent was removed. */
  removed(definition: AgentDefinition): void;
}

/** The agents of an orchestrator. Names are unique. */
export class AgentRegistry {
  // A Map, so that names such as `constructor` are just names.
  readonly #definitions = new Map<string, AgentDefinition>();
  readonly #observer: RegistryObserver;

  /** @internal */
  constructor(agents: AgentsInput | undefined, observer: RegistryObserver) {
    this.#observer = observer;
    if (agents === undefined) return;
    // A Map or Set has no own keys, so its agents would be ignored silently.
    const isIterable = typeof agents === 'object' && agents !== null && Symbol.iterator in agents;
    if (typeof agents !== 'object' || agents === null || (isIterable && !Array.isArray(agents))) {
      throw new InvalidArgumentError(
        'agents',
        `agents: expected a record of name → agent or an array of definitions; got ${describeValue(agents)}.`,
      );
    }
    if (Array.isArray(agents)) for (const definition of agents) this.add(definition);
    else for (const [name, agent] of Object.entries(agents)) this.add(name, agent);
  }

  /**
   * Registers an agent: a definition, or a name and an agent.
   *
   * @throws {@link InvalidArgumentError} for an invalid name or definition.
   * @throws {@link DuplicateAgentError} if the name is in use.
   */
  add(definition: AgentDefinition): void;
  add(name: string, agent: AgentInput): void;
  add(...input: [AgentDefinition] | [string, AgentInput]): void {
    const definition = toDefinition(input);
    checkAgentName(definition.name);
    if (this.#definitions.has(definition.name)) throw new DuplicateAgentError(definition.name);
    this.#definitions.set(definition.name, definition);
    this.#observer.added(definition);
  }

  /** Removes an agent. Calls that were accepted continue. Returns whether there was such an agent. */
  remove(name: string): boolean {
    const definition = this.#definitions.get(name);
    if (definition === undefined) return false;
    this.#definitions.delete(name);
    this.#observer.removed(definition);
    return true;
  }

  /** The agent's definition, or `undefined`. */
  get(name: string): AgentDefinition | undefined {
    return this.#definitions.get(name);
  }

  /** All definitions, in order of registration. */
  list(): AgentDefinition[] {
    return [...this.#definitions.values()];
  }

  /** The error for an unknown name. @internal */
  unknown(name: string): UnknownAgentError {
    const suggestion = nearestName(name, this.#definitions.keys());
    return new UnknownAgentError(name, suggestion, this.#definitions.size);
  }
}

function toDefinition(input: [AgentDefinition] | [string, AgentInput]): AgentDefinition {
  if (input.length === 1 || typeof input[0] !== 'string') return checkDefinition(input[0]);
  const [name, agent] = input;
  if (typeof agent === 'function') return Object.freeze({ name, run: agent });
  if (typeof agent !== 'object' || agent === null) {
    throw new InvalidArgumentError(
      `agents.${name}`,
      `agents.${name}: expected a function or an agent definition; got ${describeValue(agent)}.`,
    );
  }
  return checkDefinition({ ...agent, name });
}
