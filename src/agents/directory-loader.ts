import type { AgentDefinition } from '../contracts/agent.js';
import { AgentFileError } from '../errors/agent-file-error.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { expandHome } from '../input/expand-home.js';
import { guardLogger, type Logger } from '../logging/logger.js';
import { ConfinedFolder } from './confined-folder.js';
import { agentMaker } from './file-agent.js';
import { type AgentTarget, guardListener, LiveFolder } from './live-folder.js';
import type { LoadAgentsOptions } from './load-agents-options.js';
import { readFolders } from './load-folder.js';
import { MissingTools } from './missing-tools.js';

/** The agents of a folder: an array to pass as `agents`, which can follow changes of the files. */
export interface LoadedAgents extends ReadonlyArray<AgentDefinition>, AsyncDisposable {
  /** Applies all further changes of the files to an orchestrator's agents: `loaded.follow(orchestrator.agents)`. */
  follow(target: AgentTarget): void;
  /** Stops watching. Idempotent. */
  close(): Promise<void>;
}

/**
 * Loads agents from the Markdown and JSON files of a folder, for instance `.claude/agents`; `~` at its beginning is the
 * home directory. Of several folders the first has precedence where two define the same agent, and one that does not
 * exist is left out and reported. Files outside the folders are never read, whatever their entries are named or link to.
 *
 * A file that cannot be loaded is left out and reported; pages without front matter are passed over.
 *
 * @example
 * ```ts
 * const agents = await loadAgents('.claude/agents', { provider: anthropic, model: 'claude-sonnet-4-5' });
 * await using orchestrator = new AsyncOrchestrator({ agents });
 * ```
 *
 * @throws {@link AgentFileError} if the folder cannot be read; with `strict`, also one error for all files that cannot be
 * loaded.
 * @throws `InvalidArgumentError` for an invalid folder or option.
 */
export async function loadAgents<Model extends string | undefined = undefined>(
  directory: string | readonly string[],
  options: LoadAgentsOptions<Model extends string ? string : string | undefined> & { model?: Model },
): Promise<LoadedAgents> {
  const directories = typeof directory === 'string' ? [directory] : directory;
  checkArguments(directories, options);
  const logger = options.logger === undefined ? undefined : guardLogger(options.logger);
  const missingTools = new MissingTools(logger);
  const make = agentMaker(options as unknown as LoadAgentsOptions, missingTools);
  const { folders, problems } = await openFolders(directories.map(expandHome));
  const source = { folders, chosen: options.files, make };
  const loaded = await readFolders(source);
  const all = [...problems, ...loaded.problems];
  if (options.strict === true && all.length > 0) throw AgentFileError.combine(directories.join(', '), all);
  const report = reporter(options.onError, logger);
  for (const problem of all) report(problem);
  missingTools.report();
  const agents = [...loaded.agents];
  const { watch, onChange, clock } = options;
  const live =
    watch === true || watch === 'poll'
      ? await LiveFolder.open({ source, loaded, agents, poll: watch === 'poll', onChange, report, clock })
      : undefined;
  return toLoadedAgents(agents, live);
}

/** Opens the folders. A single one has to exist; of several, one at least. */
async function openFolders(
  directories: readonly string[],
): Promise<{ folders: ConfinedFolder[]; problems: AgentFileError[] }> {
  const folders: ConfinedFolder[] = [];
  const problems: AgentFileError[] = [];
  for (const directory of directories) {
    try {
      folders.push(await ConfinedFolder.open(directory));
    } catch (error) {
      if (!AgentFileError.isInstance(error)) throw error;
      problems.push(error as AgentFileError);
    }
  }
  if (folders.length === 0) throw AgentFileError.combine(directories.join(', '), problems);
  return { folders, problems };
}

function reporter(
  onError: LoadAgentsOptions['onError'],
  logger: Logger | undefined,
): (problem: AgentFileError) => void {
  return (problem) => {
    if (onError !== undefined) guardListener(() => onError(problem));
    else if (logger !== undefined) logger.warn({ file: problem.file, line: problem.line }, problem.message);
    else process.emitWarning(problem.message, { type: 'TuttiWarning', code: problem.code });
  };
}

function checkArguments(directories: readonly unknown[], options: unknown): void {
  const isFolder = (path: unknown) => typeof path === 'string' && path !== '' && !path.includes('\0');
  if (!Array.isArray(directories) || directories.length === 0 || !directories.every(isFolder)) {
    throw new InvalidArgumentError(
      'directory',
      'loadAgents: directory must be the path of a folder, or a list of paths.',
    );
  }
  const { provider, files } = (options ?? {}) as Partial<LoadAgentsOptions>;
  if (typeof provider !== 'function') {
    throw new InvalidArgumentError(
      'options.provider',
      'loadAgents: provider must be a function that creates an agent, for instance anthropic.',
    );
  }
  if (files !== undefined && directories.length > 1) {
    throw new InvalidArgumentError(
      'options.files',
      `loadAgents: files are paths inside one folder; got ${directories.length} folders.`,
    );
  }
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
