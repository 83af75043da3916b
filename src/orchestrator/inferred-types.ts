import type { AgentsInput } from '../agents/agent-registry.js';
import type { AgentDefinition } from '../contracts/agent.js';
import type { CallOutcome } from '../contracts/result.js';

// How the names and answer types of the agents given to the constructor reach the methods.

type NamesIn<Agents> = Agents extends readonly (infer Definition)[]
  ? Definition extends AgentDefinition<infer Name, infer _Data>
    ? Name
    : never
  : keyof Agents & string;

/** The names that are known when the code is compiled; `string` where none are. */
export type KnownName<Agents extends AgentsInput> = [NamesIn<Agents>] extends [never]
  ? string
  : NamesIn<Agents>;

/**
 * Constraint of a name's type parameter: the known names, which editors complete, and any `string`, for agents
 * added later.
 */
export type AnyName<Agents extends AgentsInput> = KnownName<Agents> | (string & {});

/** Takes a name whose text is known only if it is one of the agents'; a plain `string` is taken as it comes. */
export type CheckedName<Agents extends AgentsInput, Name extends string> = string extends Name
  ? unknown
  : Name extends KnownName<Agents>
    ? unknown
    : KnownName<Agents>;

type AgentNamed<Agents, Name extends string> = Agents extends readonly (infer Definition)[]
  ? Extract<Definition, { readonly name: Name }>
  : Name extends keyof Agents
    ? Agents[Name]
    : never;

type DataIn<Agent> = [Agent] extends [never]
  ? unknown
  : Agent extends AgentDefinition<infer _Name, infer Data>
    ? Data
    : unknown;

/** The type of `result.data` for the agent of that name: that of its `output` schema, else `unknown`. */
export type DataOf<Agents extends AgentsInput, Name extends string> = string extends Name
  ? unknown
  : DataIn<AgentNamed<Agents, Name>>;

type NameOfTask<Task> = Task extends readonly [infer Name extends string, ...unknown[]]
  ? Name
  : Task extends { readonly agent: infer Name extends string }
    ? Name
    : string;

/** One outcome for each task of a literal list, each with its agent's answer type. */
export type OutcomesOf<Agents extends AgentsInput, Tasks extends readonly unknown[]> = {
  -readonly [Position in keyof Tasks]: CallOutcome<DataOf<Agents, NameOfTask<Tasks[Position]>>>;
};

/** Takes a literal list of tasks only if every name in it is taken by {@link CheckedName}. */
export type CheckedTasks<Agents extends AgentsInput, Tasks extends readonly unknown[]> = {
  readonly [Position in keyof Tasks]: unknown extends CheckedName<Agents, NameOfTask<Tasks[Position]>>
    ? unknown
    : readonly [KnownName<Agents>, string] | { readonly agent: KnownName<Agents>; readonly task: string };
};
