import type { AgentDefinition } from '../contracts/agent.js';
import type { ToolSet } from '../contracts/tool.js';
import type { AgentFileError } from '../errors/agent-file-error.js';
import type { Logger } from '../logging/logger.js';
import type { Clock } from '../time/clock.js';
import type { AgentFile, AgentFileSettings } from './agent-file-schema.js';
import type { FileTools } from './agent-tools.js';
import type { AgentChange } from './live-folder.js';
import type { ModelMap } from './model-aliases.js';

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
  /** The tools that the file may use; absent if there are none, or without the option `tools`. */
  tools?: ToolSet;
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
  /**
   * Models by the names that the files use, for instance `{ sonnet: 'claude-sonnet-4-5' }`. They precede the built-in
   * aliases ({@link MODEL_ALIASES}); `'*'` stands for every other name, aliases included.
   *
   * @default {}
   */
  models?: ModelMap | undefined;
  /**
   * The tools that the names in the files' `tools` stand for; a file without that field gets all of them. As a function
   * it returns the tool for a name such as `Bash(git log:*)`, or `undefined`. `false` says that the provider function
   * takes care of the names. Names without a tool are logged once.
   *
   * @default {}
   */
  tools?: FileTools | undefined;
  /**
   * Loads only these files, given as paths inside the folder. There can be only one folder then.
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
  /**
   * Whether all files have to be good. By default a file that cannot be loaded is left out and reported.
   *
   * @default false
   */
  strict?: boolean | undefined;
  /** Called for every file that cannot be loaded, or not again after a change. @default logs a warning */
  onError?: ((error: AgentFileError) => void) | undefined;
  /** Gets the warnings. @default process warnings */
  logger?: Logger | undefined;
  /** The source of time. @default the system clock */
  clock?: Clock | undefined;
}
