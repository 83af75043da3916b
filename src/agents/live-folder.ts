import type { AgentDefinition } from '../contracts/agent.js';
import { AgentFileError } from '../errors/agent-file-error.js';
import type { Clock } from '../time/clock.js';
import type { ConfinedFolder } from './confined-folder.js';
import { DirectoryWatcher } from './directory-watcher.js';
import { definitionsOf, type LoadedFile, loadFile, type MakeAgent, refuseDuplicates } from './load-folder.js';

/** A change of a watched folder. */
export interface AgentChange {
  /** New agents. */
  readonly added: readonly AgentDefinition[];
  /** Agents whose files have changed. */
  readonly changed: readonly AgentDefinition[];
  /** Names of removed agents. */
  readonly removed: readonly string[];
}

interface LiveFolderOptions {
  readonly folder: ConfinedFolder;
  readonly make: MakeAgent;
  readonly files?: readonly string[] | undefined;
  readonly loaded: Map<string, LoadedFile>;
  /** Updated in place. */
  readonly agents: AgentDefinition[];
  readonly poll: boolean;
  readonly onChange?: ((change: AgentChange) => void) | undefined;
  readonly onError?: ((error: AgentFileError) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** The part of `orchestrator.agents` that `follow` of loaded agents uses. */
export interface AgentTarget {
  /** Registers an agent. */
  add(definition: AgentDefinition): unknown;
  /** Removes an agent. */
  remove(name: string): unknown;
}

/** A folder whose agents are reloaded when its files change. If a file is broken, its previous agent stays. */
export class LiveFolder {
  readonly #options: LiveFolderOptions;
  readonly #watcher: DirectoryWatcher;
  readonly #targets: AgentTarget[] = [];
  /** The last reported problem of each file, so that each is reported once. */
  readonly #problems = new Map<string, string>();
  #loaded: Map<string, LoadedFile>;
  #reloading = Promise.resolve();

  private constructor(options: LiveFolderOptions) {
    this.#options = options;
    this.#loaded = options.loaded;
    this.#watcher = new DirectoryWatcher(() => this.#reload(), options);
  }

  static async open(options: LiveFolderOptions): Promise<LiveFolder> {
    const live = new LiveFolder(options);
    // The first reload finds what changed between loading and watching.
    live.#watcher.follow((await options.folder.list()).folders);
    await live.#reload();
    return live;
  }

  follow(target: AgentTarget): void {
    this.#targets.push(target);
  }

  close(): Promise<void> {
    return this.#watcher.close();
  }

  /** Reloads one at a time: each starts from the result of the one before. */
  #reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reloadOnce());
    return this.#reloading;
  }

  async #reloadOnce(): Promise<void> {
    const { folder, files: chosen, agents } = this.#options;
    let next: Map<string, LoadedFile>;
    try {
      const { files, folders } = await folder.list();
      this.#watcher.follow(folders);
      next = await this.#readFiles(chosen ?? files);
      refuseDuplicates(next, folder);
    } catch (error) {
      this.#report(folder.directory, error);
      return;
    }
    this.#problems.delete(folder.directory);
    const before = definitionsOf(this.#loaded);
    const after = definitionsOf(next);
    this.#loaded = next;
    agents.splice(0, agents.length, ...after);
    this.#notify(difference(before, after));
  }

  async #readFiles(paths: readonly string[]): Promise<Map<string, LoadedFile>> {
    const next = new Map<string, LoadedFile>();
    for (const path of paths) {
      const before = this.#loaded.get(path);
      try {
        next.set(path, await loadFile(this.#options.folder, path, this.#options.make, before));
        this.#problems.delete(path);
      } catch (error) {
        // A missing file was removed; it is not broken.
        if ((error as { cause?: { code?: unknown } }).cause?.code === 'ENOENT') continue;
        if (before !== undefined) next.set(path, before);
        this.#report(path, error);
      }
    }
    return next;
  }

  #report(path: string, error: unknown): void {
    const problem = AgentFileError.isInstance(error)
      ? (error as AgentFileError)
      : new AgentFileError(
          this.#options.folder.pathOf(path),
          undefined,
          `the file cannot be loaded: ${String(error)}`,
          {
            cause: error,
          },
        );
    if (this.#problems.get(path) === problem.message) return;
    this.#problems.set(path, problem.message);
    const { onError } = this.#options;
    if (onError === undefined)
      process.emitWarning(problem.message, { type: 'TuttiWarning', code: problem.code });
    else guard(() => onError(problem));
  }

  #notify(change: AgentChange): void {
    if (change.added.length + change.changed.length + change.removed.length === 0) return;
    for (const target of this.#targets) guard(() => apply(change, target));
    guard(() => this.#options.onChange?.(change));
  }
}

/** An error of a listener must not end the watching, but it is reported. */
function guard(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    process.emitWarning(`A listener of loadAgents threw: ${String(error)}`, { type: 'TuttiWarning' });
  }
}

function apply({ added, changed, removed }: AgentChange, target: AgentTarget): void {
  for (const name of [...removed, ...changed.map((definition) => definition.name)]) target.remove(name);
  for (const definition of [...changed, ...added]) target.add(definition);
}

function difference(before: readonly AgentDefinition[], after: readonly AgentDefinition[]): AgentChange {
  const old = new Map(before.map((definition) => [definition.name, definition]));
  const names = new Set(after.map((definition) => definition.name));
  return {
    added: after.filter((definition) => !old.has(definition.name)),
    changed: after.filter(
      (definition) => old.has(definition.name) && old.get(definition.name) !== definition,
    ),
    removed: before.map((definition) => definition.name).filter((name) => !names.has(name)),
  };
}
