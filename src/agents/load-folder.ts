import { createHash } from 'node:crypto';
import type { AgentDefinition } from '../contracts/agent.js';
import { AgentFileError } from '../errors/agent-file-error.js';
import type { AgentFile } from './agent-file-schema.js';
import type { ConfinedFolder } from './confined-folder.js';
import { readJsonAgent } from './json-loader.js';
import { readMarkdownAgent } from './markdown-loader.js';

/** Creates the agent of a file. */
export type MakeAgent = (file: AgentFile) => AgentDefinition;

/** A loaded file; `definition` is absent for a README. */
export interface LoadedFile {
  /** Digest of the file's text, so that unchanged text is not loaded again. */
  readonly digest: string;
  readonly definition: AgentDefinition | undefined;
}

/** Loads one file, unless its text is unchanged. */
export async function loadFile(
  folder: ConfinedFolder,
  path: string,
  make: MakeAgent,
  before?: LoadedFile,
): Promise<LoadedFile> {
  const text = await folder.read(path);
  const digest = createHash('sha256').update(text).digest('hex');
  if (before?.digest === digest) return before;
  const shown = folder.pathOf(path);
  const agentFile = readAgent(text, shown);
  return { digest, definition: agentFile === undefined ? undefined : makeAgent(agentFile, make) };
}

function readAgent(text: string, shown: string): AgentFile | undefined {
  try {
    return /\.json$/i.test(shown) ? readJsonAgent(text, shown) : readMarkdownAgent(text, shown);
  } catch (cause) {
    if (AgentFileError.isInstance(cause)) throw cause;
    // The text is nested too deeply for a parser.
    throw new AgentFileError(shown, undefined, `the file cannot be read: ${String(cause)}.`, { cause });
  }
}

/** Loads all files, in order. */
export async function loadFiles(
  folder: ConfinedFolder,
  paths: readonly string[],
  make: MakeAgent,
): Promise<Map<string, LoadedFile>> {
  const loaded = new Map<string, LoadedFile>();
  for (const path of paths) loaded.set(path, await loadFile(folder, path, make));
  refuseDuplicates(loaded, folder);
  return loaded;
}

/** @throws {@link AgentFileError} that names both files. */
export function refuseDuplicates(loaded: ReadonlyMap<string, LoadedFile>, folder: ConfinedFolder): void {
  const pathOfName = new Map<string, string>();
  for (const [path, { definition }] of loaded) {
    if (definition === undefined) continue;
    const first = pathOfName.get(definition.name);
    if (first !== undefined) {
      throw new AgentFileError(
        folder.pathOf(path),
        undefined,
        `agent "${definition.name}" is already defined in ${folder.pathOf(first)}; rename or remove one of them.`,
      );
    }
    pathOfName.set(definition.name, path);
  }
}

/** The agents of the files, in the files' order. */
export function definitionsOf(loaded: ReadonlyMap<string, LoadedFile>): AgentDefinition[] {
  return [...loaded.values()].flatMap(({ definition }) => (definition === undefined ? [] : [definition]));
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
  const { name, description, settings } = agentFile;
  return { ...settings, ...definition, name, ...(description === undefined ? {} : { description }) };
}
