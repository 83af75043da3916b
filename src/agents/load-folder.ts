import type { AgentDefinition } from '../contracts/agent.js';
import { AgentFileError } from '../errors/agent-file-error.js';
import { sha256Hex } from '../hashing/digest.js';
import type { AgentFile } from './agent-file-schema.js';
import type { ConfinedFolder } from './confined-folder.js';
import { readJsonAgents } from './json-loader.js';
import { readMarkdownAgents } from './markdown-loader.js';

/** Creates the agent of a file. */
export type MakeAgent = (file: AgentFile) => AgentDefinition;

/** A loaded file. A page without front matter has no definitions. */
export interface LoadedFile {
  /** Digest of the file's text, so that unchanged text is not loaded again. */
  readonly digest: string;
  readonly definitions: readonly AgentDefinition[];
}

/** What was found in some folders. */
export interface Reading {
  /** The files that could be loaded, by path. */
  readonly files: ReadonlyMap<string, LoadedFile>;
  /** Their agents, in order. */
  readonly agents: readonly AgentDefinition[];
  /** All folders and subfolders. */
  readonly watched: readonly string[];
  readonly problems: readonly AgentFileError[];
}

/** What to read, and how. */
export interface Source {
  /** In the order of their precedence: of two agents with one name in different folders, the first counts. */
  readonly folders: readonly ConfinedFolder[];
  /** Only these files, of the one folder. */
  readonly chosen: readonly string[] | undefined;
  readonly make: MakeAgent;
}

const NOTHING: ReadonlyMap<string, LoadedFile> = new Map();

/**
 * Reads all files. A file that cannot be loaded is a problem; if it was loaded `before`, that stays. Files whose text is
 * unchanged are not loaded again.
 */
export async function readFolders(
  source: Source,
  before: ReadonlyMap<string, LoadedFile> = NOTHING,
): Promise<Reading> {
  const { folders, chosen } = source;
  const files = new Map<string, LoadedFile>();
  const agents: AgentDefinition[] = [];
  const watched: string[] = [];
  const problems: AgentFileError[] = [];
  const names = new Names();
  for (const folder of folders) {
    const listed = await folder.list();
    watched.push(...listed.folders);
    if (chosen === undefined) problems.push(...listed.problems);
    const found = await readFiles(folder, chosen ?? listed.files, source, before, problems);
    agents.push(...names.claim(found, before, problems));
    for (const [shown, file] of found) files.set(shown, file);
  }
  return { files, agents, watched, problems };
}

async function readFiles(
  folder: ConfinedFolder,
  paths: readonly string[],
  source: Source,
  before: ReadonlyMap<string, LoadedFile>,
  problems: AgentFileError[],
): Promise<Map<string, LoadedFile>> {
  const found = new Map<string, LoadedFile>();
  for (const path of paths) {
    const shown = folder.pathOf(path);
    const last = before.get(shown);
    try {
      found.set(shown, await loadFile(folder, path, source, last));
    } catch (error) {
      // A file that is gone was removed; it is not broken.
      if (before !== NOTHING && isMissing(error)) continue;
      problems.push(toProblem(error, shown));
      if (last !== undefined) found.set(shown, last);
    }
  }
  return found;
}

/** Loads one file, unless its text is unchanged. */
async function loadFile(
  folder: ConfinedFolder,
  path: string,
  { chosen, make }: Source,
  before: LoadedFile | undefined,
): Promise<LoadedFile> {
  const text = await folder.read(path);
  const digest = sha256Hex(text);
  if (before?.digest === digest) return before;
  const shown = folder.pathOf(path);
  const agents = readAgents(text, shown);
  if (agents === undefined && chosen !== undefined) throw noAgent(shown);
  return { digest, definitions: (agents ?? []).map((agent) => makeAgent(agent, make)) };
}

function readAgents(text: string, shown: string): readonly AgentFile[] | undefined {
  try {
    return /\.json$/i.test(shown) ? readJsonAgents(text, shown) : readMarkdownAgents(text, shown);
  } catch (cause) {
    if (AgentFileError.isInstance(cause)) throw cause;
    // The text is nested too deeply for a parser.
    throw new AgentFileError(shown, undefined, `the file cannot be read: ${String(cause)}.`, { cause });
  }
}

/** Pages beside agents are passed over, but not a file that was asked for by name. */
function noAgent(shown: string): AgentFileError {
  const expected = /\.json$/i.test(shown)
    ? 'an object with `instructions` or `prompt`'
    : 'front matter: a line "---", fields such as name and description, and a line "---"';
  return new AgentFileError(shown, 1, `expected ${expected}.`);
}

function isMissing(error: unknown): boolean {
  return (error as { cause?: { code?: unknown } }).cause?.code === 'ENOENT';
}

function toProblem(error: unknown, shown: string): AgentFileError {
  return AgentFileError.isInstance(error)
    ? (error as AgentFileError)
    : new AgentFileError(shown, undefined, `the file cannot be loaded: ${String(error)}`, { cause: error });
}

function makeAgent(agentFile: AgentFile, make: MakeAgent): AgentDefinition {
  let definition: AgentDefinition;
  try {
    definition = make(agentFile);
  } catch (cause) {
    const message = (cause as { message?: unknown } | null)?.message;
    throw new AgentFileError(agentFile.file, undefined, `the provider function failed: ${String(message)}`, {
      cause,
    });
  }
  // The file's fields apply even if the provider function does not pass them on.
  const { name, title, description, settings, metadata } = agentFile;
  return {
    ...settings,
    ...definition,
    name,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

/** The names that are taken: once in a folder, and by the first folder that has them. */
class Names {
  readonly #pathOfName = new Map<string, string>();

  /**
   * The agents of the files of the next folder, in order, without those whose names earlier folders have. A file with a
   * name that another file of the folder has is a problem; what was loaded of it `before` stays.
   */
  claim(
    files: Map<string, LoadedFile>,
    before: ReadonlyMap<string, LoadedFile>,
    problems: AgentFileError[],
  ): AgentDefinition[] {
    const earlier = new Set(this.#pathOfName.keys());
    const paths = [...files.keys()];
    // A file that has not changed keeps its names.
    const isUnchanged = (path: string) => before.get(path) === files.get(path);
    for (const path of [...paths.filter(isUnchanged), ...paths.filter((path) => !isUnchanged(path))]) {
      const duplicate = this.#duplicateIn(files.get(path), earlier, path);
      if (duplicate !== undefined) {
        problems.push(duplicate);
        const last = before.get(path);
        if (last === undefined) files.delete(path);
        else files.set(path, last);
      }
      for (const { name } of files.get(path)?.definitions ?? []) {
        if (!this.#pathOfName.has(name)) this.#pathOfName.set(name, path);
      }
    }
    return [...files].flatMap(([path, { definitions }]) =>
      definitions.filter(({ name }) => this.#pathOfName.get(name) === path),
    );
  }

  #duplicateIn(file: LoadedFile | undefined, earlier: ReadonlySet<string>, path: string) {
    const names = new Set<string>();
    for (const { name } of file?.definitions ?? []) {
      const first = names.has(name) ? path : earlier.has(name) ? undefined : this.#pathOfName.get(name);
      names.add(name);
      if (first === undefined) continue;
      return new AgentFileError(
        path,
        undefined,
        `agent "${name}" is already defined in ${first}; rename or remove one of them.`,
      );
    }
    return undefined;
  }
}
