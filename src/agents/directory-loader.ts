import type { AgentDefinition } from '../contracts/agent.js';
import type { AgentFileError } from '../errors/agent-file-error.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import type { Clock } from '../time/clock.js';
import type { AgentFile, AgentFileSettings } from './agent-file-schema.js';
import { ConfinedFolder } from './confined-folder.js';
import { type AgentChange, type AgentTarget, LiveFolder } from './live-folder.js';
import { definitionsOf, loadFiles, type MakeAgent } from './load-folder.js';

/** The options that a provider function receives for a file. Every provider accepts them. */
export interface FileAgentOptions<Model extends string | undefined = string | undefined>
  extends AgentFileSettings {
  /** The agent's name. */
  name: string;
  /** What the agent is for. */
  description?: string;
  /** The file's model, looked up in `models`; the default if the file names none. */
  model: Model;
  /** The system prompt. */
  instructions?: string;
  /** Parameters. */
  params: Readonly<Record<string, unknown>>;
}

/** Options of {@link loadAgents}. */
export interface LoadAgentsOptions<Model extends string | undefined = string | undefined> {
  /**
   * Creates the agent of a file: a provider such as `anthropic`, or a function that calls one. The second argument is
   * the whole content of the file, for instance the names of its tools.
   */
  provider: (options: FileAgentOptions<Model>, file: AgentFile) => AgentDefinition;
  /** The model for files that name none, or `inherit`. */
  model?: Model;
  /** Models by the names that the files use, for instance `{ sonnet: 'claude-sonnet-4-5' }`. @default {} */
  models?: Readonly<Record<string, string>> | undefined;
  /**
   * Loads only these files, given as paths inside the folder.
   *
   * @default all `.md` and `.json` files in it and its subfolders
   */
  files?: readonly string[] | undefined;
  /**
   * Reloads files when they change. `'poll'` checks every second, for file systems that do not report changes. If a
   * changed file cannot be loaded, its previous agent stays. Watching does not keep the process alive.
   *
   * @default false
   */
  watch?: boolean | 'poll' | undefined;
  /** Called after agents have changed. See also {@link LoadedAgents.follow}. */
  onChange?: ((change: AgentChange) => void) | undefined;
  /** Called when a changed file cannot be loaded. @default emits a process warning */
  onError?: ((error: AgentFileError) => void) | undefined;
  /** The source of time. @default the system clock */
  clock?: Clock | undefined;
}

/** The agents of a folder: an array to pass as `agents`, which can follow changes of the files. */
export interface LoadedAgents extends ReadonlyArray<AgentDefinition>, AsyncDisposable {
  /** Applies all further changes of the files to an orchestrator's agents: `loaded.follow(orchestrator.agents)`. */
  follow(target: AgentTarget): void;
  /** Stops watching. Idempotent. */
  close(): Promise<void>;
}

/**
 * Loads agents from the Markdown and JSON files of a folder, for instance `.claude/agents`. Files outside the folder
 * are never read, whatever its entries are named or link to.
 *
 * @example
 * ```ts
 * const agents = await loadAgents('.claude/agents', { provider: anthropic, model: 'claude-sonnet-4-5' });
 * await using orchestrator = new AsyncOrchestrator({ agents });
 * ```
 *
 * @throws {@link AgentFileError} for the first file that cannot be loaded, with its line, or for two files that define
 * the same agent.
 */
export async function loadAgents<Model extends string | undefined = undefined>(
  directory: string,
  options: LoadAgentsOptions<Model extends string ? string : string | undefined> & { model?: Model },
): Promise<LoadedAgents> {
  checkArguments(directory, options);
  const folder = await ConfinedFolder.open(directory);
  const make = agentMaker(options as unknown as LoadAgentsOptions);
  const loaded = await loadFiles(folder, options.files ?? (await folder.list()).files, make);
  const agents = definitionsOf(loaded);
  const live =
    options.watch === true || options.watch === 'poll'
      ? await LiveFolder.open({ ...options, folder, make, loaded, agents, poll: options.watch === 'poll' })
      : undefined;
  return toLoadedAgents(agents, live);
}

function checkArguments(directory: unknown, options: unknown): void {
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    throw new InvalidArgumentError('directory', 'loadAgents: directory must be the path of a folder.');
  }
  if (typeof (options as { provider?: unknown } | undefined)?.provider !== 'function') {
    throw new InvalidArgumentError(
      'options.provider',
      'loadAgents: provider must be a function that creates an agent, for instance anthropic.',
    );
  }
}

function agentMaker({ provider, model: defaultModel, models = {} }: LoadAgentsOptions): MakeAgent {
  return (file) => {
    const { name, description, model, instructions, params, settings } = file;
    const named = model === undefined ? defaultModel : Object.hasOwn(models, model) ? models[model] : model;
    const options = {
      ...settings,
      name,
      ...(description === undefined ? {} : { description }),
      ...(named === undefined ? {} : { model: named }),
      ...(instructions === undefined ? {} : { instructions }),
      params,
    };
    return provider(options as FileAgentOptions, file);
  };
}

function toLoadedAgents(agents: AgentDefinition[], live: LiveFolder | undefined): LoadedAgents {
  const close = async () => live?.close();
  // Not enumerable, so that it still looks like a plain array of agents.
  Object.defineProperties(agents, {
    follow: { value: (target: AgentTarget) => live?.follow(target) },
    close: { value: close },
    [Symbol.asyncDispose]: { value: close },
  });
  return agents as unknown as LoadedAgents;
}
