import type { AgentDefinition } from '../contracts/agent.js';
import type { AgentFileError } from '../errors/agent-file-error.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import type { Clock } from '../time/clock.js';
import type { AgentFile, AgentFileSettings } from './agent-file-schema.js';
import { ConfinedFolder } from './confined-folder.js';
import { type AgentChange, type AgentTarget, LiveFolder } from './live-folder.js';
import { definitionsOf, loadFiles, type MakeAgent } from './load-folder.js';

/** What a file gives a provider function: options that every provider takes. */
export interface FileAgentOptions<Model extends string | undefined = string | undefined>
  extends AgentFileSettings {
  /** The agent's name. */
  name: string;
  /** What it is for. */
  description?: string;
  /** The model: the file's, looked up in `models`; where it names none, the default. */
  model: Model;
  /** The system prompt. */
  instructions?: string;
  /** Parameters. */
  params: Readonly<Record<string, unknown>>;
}

/** How a folder of agents is loaded. */
export interface LoadAgentsOptions<Model extends string | undefined = string | undefined> {
  /**
   * Makes an agent of what a file says: a provider such as `anthropic`, or a function that calls one. The second
   * argument is everything the file says, the names of its tools for instance.
   */
  provider: (options: FileAgentOptions<Model>, file: AgentFile) => AgentDefinition;
  /** The model of files that name none, or `inherit`. */
  model?: Model;
  /** What model names in the files stand for, for instance `{ sonnet: 'claude-sonnet-4-5' }`. @default {} */
  models?: Readonly<Record<string, string>> | undefined;
  /** Loads these files only: paths inside the folder. @default every `.md` and `.json` file in it and its folders */
  files?: readonly string[] | undefined;
  /**
   * Loads files again when they change. `'poll'` looks every second, for file systems that report no changes.
   * A file that cannot be loaded keeps its last good agent. Watching keeps no script alive.
   *
   * @default false
   */
  watch?: boolean | 'poll' | undefined;
  /** Told after agents have changed. Also see {@link LoadedAgents.follow}. */
  onChange?: ((change: AgentChange) => void) | undefined;
  /** Told when a changed file cannot be loaded. @default a warning of the process */
  onError?: ((error: AgentFileError) => void) | undefined;
  /** Where time comes from. @default the system's clock */
  clock?: Clock | undefined;
}

/** The agents of a folder: an array, to be passed as `agents`, that can be watched. */
export interface LoadedAgents extends ReadonlyArray<AgentDefinition>, AsyncDisposable {
  /** Keeps an orchestrator's agents as the files are, from now on: `loaded.follow(orchestrator.agents)`. */
  follow(target: AgentTarget): void;
  /** Stops watching. Twice is once. */
  close(): Promise<void>;
}

/**
 * Loads agents from the Markdown and JSON files of a folder, for instance `.claude/agents`. Nothing outside the
 * folder is read, whatever its files are called or link to.
 *
 * @example
 * ```ts
 * const agents = await loadAgents('.claude/agents', { provider: anthropic, model: 'claude-sonnet-4-5' });
 * await using orchestrator = new AsyncOrchestrator({ agents });
 * ```
 *
 * @throws {@link AgentFileError} for the first file that cannot be loaded, with its line, or two files that
 * define the same agent.
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
      'loadAgents: provider must be a function that makes an agent, for instance anthropic.',
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
  // Not enumerable: it stays an array of agents to whoever looks at it.
  Object.defineProperties(agents, {
    follow: { value: (target: AgentTarget) => live?.follow(target) },
    close: { value: close },
    [Symbol.asyncDispose]: { value: close },
  });
  return agents as unknown as LoadedAgents;
}
