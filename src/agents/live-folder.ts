import type { AgentDefinition } from '../contracts/agent.js';
import { AgentFileError } from '../errors/agent-file-error.js';
import { DirectoryWatcher } from '../files/directory-watcher.js';
import type { Clock } from '../time/clock.js';
import { type Reading, readFolders, type Source } from './load-folder.js';

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
  readonly source: Source;
  /** What has been loaded and reported. */
  readonly loaded: Reading;
  /** Updated in place. */
  readonly agents: AgentDefinition[];
  readonly poll: boolean;
  readonly onChange?: ((change: AgentChange) => void) | undefined;
  readonly report: (problem: AgentFileError) => void;
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
  #loaded: Reading;
  #reloading = Promise.resolve();

  private constructor(options: LiveFolderOptions) {
    this.#options = options;
    this.#loaded = options.loaded;
    this.#watcher = new DirectoryWatcher(() => this.#reload(), options);
  }

  static async open(options: LiveFolderOptions): Promise<LiveFolder> {
    const live = new LiveFolder(options);
    // The first reload finds what changed between loading and watching.
    live.#watcher.follow(options.loaded.watched);
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
    const { source, agents } = this.#options;
    const before = this.#loaded;
    let next: Reading;
    try {
      next = await readFolders(source, before.files);
    } catch (error) {
      next = { ...before, problems: [toProblem(error, source)] };
    }
    this.#loaded = next;
    this.#watcher.follow(next.watched);
    // Each problem is reported once, for as long as it lasts.
    const reported = new Set(before.problems.map(({ message }) => message));
    for (const problem of next.problems) {
      if (!reported.has(problem.message)) this.#options.report(problem);
    }
    agents.splice(0, agents.length, ...next.agents);
    this.#notify(difference(before.agents, next.agents));
  }

  #notify(change: AgentChange): void {
    if (change.added.length + change.changed.length + change.removed.length === 0) return;
    for (const target of this.#targets) guardListener(() => apply(change, target));
    guardListener(() => this.#options.onChange?.(change));
  }
}

function toProblem(error: unknown, { folders }: Source): AgentFileError {
  if (AgentFileError.isInstance(error)) return error as AgentFileError;
  const paths = folders.map(({ directory }) => directory).join(', ');
  return new AgentFileError(paths, undefined, `the folder cannot be read: ${String(error)}`, {
    cause: error,
  });
}

/** An error of a listener must not end the watching, but it is reported. */
export function guardListener(callback: () => void): void {
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
