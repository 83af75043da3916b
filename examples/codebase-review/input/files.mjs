import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

const KINDS = [
  { kind: 'markdown', endings: /\.(?:md|markdown)$/i },
  { kind: 'code', endings: /\.[cm]?[jt]sx?$/i },
];
const SKIPPED_NAMES = new Set(['node_modules', 'dist', 'coverage']);
const SKIPPED_PATHS = new Set(['docs/api']);

/** A folder that cannot be reviewed; the message says why and what to do. */
export class FolderError extends Error {}

/** Throws a {@link FolderError} unless the path is a folder that can be read. */
export async function checkFolder(folder) {
  const found = await stat(folder).catch((error) => {
    throw new FolderError(
      error.code === 'ENOENT'
        ? `There is no folder "${folder}".`
        : `The folder "${folder}" cannot be opened (${error.code}).`,
    );
  });
  if (!found.isDirectory())
    throw new FolderError(`"${folder}" is not a folder. Give the folder that it is in.`);
}

/**
 * The Markdown and source files under a folder, sorted, as `{ path, kind }` with `/` in the path. Built and foreign
 * things, hidden folders and symbolic links are left out; so is the report of an earlier run.
 */
export async function findFiles(root, { leaveOut = [], signal } = {}) {
  const files = [];
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (signal?.aborted) break;
    for (const entry of await entriesOf(folder, root)) {
      const full = join(folder, entry.name);
      const path = relative(root, full).split(sep).join('/');
      if (entry.isDirectory() && !isSkipped(entry.name, path)) folders.push(full);
      const kind = entry.isFile() ? kindOf(entry.name) : undefined;
      if (kind !== undefined && !leaveOut.includes(full)) files.push({ path, kind });
    }
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

// A folder inside that may not be read costs its files, not the run.
async function entriesOf(folder, root) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (folder !== root) return [];
    throw new FolderError(`The folder "${folder}" cannot be read (${error.code}).`);
  }
}

const isSkipped = (name, path) => name.startsWith('.') || SKIPPED_NAMES.has(name) || SKIPPED_PATHS.has(path);

const kindOf = (name) => KINDS.find(({ endings }) => endings.test(name))?.kind;
