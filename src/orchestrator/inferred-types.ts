import type { AgentInput, AgentsInput } from '../agents/agent-registry.js';
import type { AgentDefinition, AgentFunction, ReplyData } from '../contracts/agent.js';
import type { TaskObject, TaskSource } from '../contracts/call.js';
import type { AgentFailure, AgentResult, CallOutcome, DataResult, TextResult } from '../contracts/result.js';
import type { TaskContent } from '../contracts/task-content.js';

// How the names and answer types of the agents given to the constructor reach the methods.

/**
 * Agents of which nothing is known when the code is compiled. The default, and not an empty record: the compiler
 * takes a function's parameters from the default until it has inferred the agents.
 */
export type AnyAgents = Readonly<Record<string, AgentInput>>;

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

/**
 * The type of a name's parameter: a name whose text is known has to be one of the agents', else the error lists
 * them; a plain `string` is taken as it comes. The name is inferred through it.
 */
export type CheckedName<Agents extends AgentsInput, Name extends string> = string extends Name
  ? Name
  : Name extends KnownName<Agents>
    ? Name
    : KnownName<Agents>;

/** The type of a parameter of options: they are inferred through it, and an unknown key is an error that suggests the right one. */
export type CheckedOptions<Known, Options> = Known &
  ([Exclude<keyof Options, keyof Known>] extends [never] ? Options : unknown);

// The types of answers.

type AgentNamed<Agents, Name extends string> = Agents extends readonly (infer Definition)[]
  ? Extract<Definition, { readonly name: Name }>
  : string extends keyof Agents
    ? never
    : Name extends keyof Agents
      ? Agents[Name]
      : never;

type DataIn<Agent> = [Agent] extends [never]
  ? unknown
  : Agent extends AgentFunction
    ? ReplyData<ReturnType<Agent>>
    : Agent extends AgentDefinition<infer _Name, infer Data>
      ? Data
      : unknown;

/**
 * The type of the value an agent of that name answers with: that of its `output` schema, or of what its function
 * returns as `data`; `undefined` where it answers with text alone, `unknown` where nothing is known.
 */
export type DataOf<Agents extends AgentsInput, Name extends string> = string extends Name
  ? unknown
  : DataIn<AgentNamed<Agents, Name>>;

type ResultWith<Data, Name extends string, Metadata> = unknown extends Data
  ? AgentResult<Data, Name, Metadata>
  : [Data] extends [undefined]
    ? TextResult<Name, Metadata>
    : undefined extends Data
      ? AgentResult<Exclude<Data, undefined>, Name, Metadata>
      : DataResult<Data, Name, Metadata>;

// Only what is there for certain is typed: an optional `metadata` may come from elsewhere.
type MetadataOf<Options> = Options extends { readonly metadata: infer Metadata extends object }
  ? Metadata
  : Record<string, unknown>;

// `unknown` where nothing more is known than that it is a record, which keeps the types that editors show short.
type MetadataField<Metadata> = string extends keyof Metadata ? unknown : { metadata: Metadata };

/** The result of a call: of that agent's type, with the metadata of these options. */
export type ResultOf<Agents extends AgentsInput, Name extends string, Options = unknown> = Name extends string
  ? ResultWith<DataOf<Agents, Name>, Name, MetadataOf<Options>> & MetadataField<MetadataOf<Options>>
  : never;

type OptionsOf<Task, Run> = Task extends { readonly metadata?: unknown } & { readonly agent: string }
  ? 'metadata' extends keyof Task
    ? Task
    : Run
  : Run;

type NameOfTask<Task> = Task extends readonly [infer Name extends string, ...unknown[]]
  ? Name
  : Task extends { readonly agent: infer Name extends string }
    ? Name
    : string;

/** The outcome of one task of a run with these options; of each, where the task may be one of several. */
export type OutcomeOf<Agents extends AgentsInput, Task, Run = unknown> = [IsAny<Task>] extends [true]
  ? CallOutcome
  : Task extends unknown
    ? OutcomeNamed<Agents, NameOfTask<Task>, OptionsOf<Task, Run>>
    : never;

type IsAny<Type> = 0 extends 1 & Type ? true : false;

type OutcomeNamed<Agents extends AgentsInput, Name extends string, Options> = Name extends string
  ?
      | ResultOf<Agents, Name, Options>
      | (AgentFailure<Name, MetadataOf<Options>> & MetadataField<MetadataOf<Options>>)
  : never;

/** One outcome for each task: in its place for a literal list, else an array. */
export type OutcomesOf<Agents extends AgentsInput, Source, Run = unknown> = [IsAny<Source>] extends [true]
  ? CallOutcome[]
  : Source extends readonly unknown[]
    ? { -readonly [Position in keyof Source]: OutcomeOf<Agents, Source[Position], Run> }
    : OutcomeOf<Agents, TaskIn<Source>, Run>[];

// Sources of tasks, checked.

/** What a source gives. */
export type TaskIn<Source> =
  Source extends Iterable<infer Task> ? Task : Source extends AsyncIterable<infer Task> ? Task : never;

type UnknownKeys<Task> = Task extends readonly unknown[] ? never : Exclude<keyof Task, keyof TaskObject>;

type TaskFor<Agents extends AgentsInput, Task> = Task extends readonly unknown[]
  ? readonly [agent: CheckedName<Agents, NameOfTask<Task>>, task: TaskContent]
  : Readonly<TaskObject<CheckedName<Agents, NameOfTask<Task>>>>;

// In a literal list the compiler itself finds unknown keys once a task's type is known, and suggests the right one.
type ListedTask<Agents extends AgentsInput, Task> = [UnknownKeys<Task>] extends [never]
  ? Task extends TaskFor<Agents, Task>
    ? Task
    : TaskFor<Agents, Task>
  : TaskFor<Agents, Task>;

// Elsewhere the compiler does not look for unknown keys, so the error is written out here.
type YieldedTask<Agents extends AgentsInput, Task> = Task extends unknown
  ? [UnknownKeys<Task>] extends [never]
    ? ListedTask<Agents, Task>
    : TaskFor<Agents, Task> & { readonly [Key in UnknownKeys<Task>]: UnknownTaskOption<Key> }
  : never;

type UnknownTaskOption<Key extends PropertyKey> =
  `${Key & string} is not an option of a task; the options are: agent, task, signal, timeoutMs, timeouts, deadlineMs, maxRetries, priority, tenant, model, params, cache, metadata`;

type UnknownName<Agents extends AgentsInput, Task> = Task extends unknown
  ? string extends NameOfTask<Task>
    ? never
    : Exclude<NameOfTask<Task>, KnownName<Agents>>
  : never;

/**
 * The type of a parameter of tasks: the source as it is where every name and option in it is known, else what it
 * should have been, so that the error names the known ones. The source is inferred through it. Names and keys are
 * compared first, and alone where all are known: comparing whole tasks costs the compiler ten times as much.
 */
export type CheckedTasks<Agents extends AgentsInput, Source> = [
  UnknownName<Agents, TaskIn<Source>> | UnknownKeys<TaskIn<Source>>,
] extends [never]
  ? Source
  : Source extends readonly unknown[]
    ? number extends Source['length']
      ? readonly YieldedTask<Agents, Source[number]>[]
      : { readonly [Position in keyof Source]: ListedTask<Agents, Source[Position]> }
    : Source extends AsyncIterable<unknown>
      ? AsyncIterable<YieldedTask<Agents, TaskIn<Source>>>
      : Iterable<YieldedTask<Agents, TaskIn<Source>>>;

/** Tasks for an orchestrator with these agents; the constraint of a parameter of tasks. */
export type AnyTasks<Agents extends AgentsInput> = TaskSource<AnyName<Agents>>;
