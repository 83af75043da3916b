import { constants } from 'node:fs';
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { TextDecoder } from 'node:util';
import { AgentFileError } from '../errors/agent-file-error.js';

/** Largest agent file, in bytes. */
export const MAX_AGENT_FILE_BYTES = 1024 * 1024;

/** Folders nested more deeply are taken for a mistake. */
const MAX_DEPTH = 16;

/** Editors replace a file when it is saved; one that is replaced this often in a row is reported. */
const MAX_READ_TRIES = 3;

const AGENT_FILE = /\.(md|json)$/i;

/** What lies in a folder. */
interface Listing {
  readonly files: string[];
  readonly folders: string[];
  /** Subfolders that cannot be listed. */
  readonly problems: AgentFileError[];
}

/** A folder that confines all reads to itself, whatever its entries are named or link to. */
export class ConfinedFolder {
  /** The path as it was given, for messages. */
  readonly directory: string;
  readonly #root: string;

  private constructor(directory: string, root: string) {
    this.directory = directory;
    this.#root = root;
  }

  /** @throws {@link AgentFileError} if it is not a folder or cannot be read. */
  static async open(directory: string): Promise<ConfinedFolder> {
    try {
      const root = await realpath(directory);
      if (!(await stat(root)).isDirectory())
        throw new AgentFileError(directory, undefined, 'it is not a folder.');
      return new ConfinedFolder(directory, root);
    } catch (error) {
      throw wrap(error, directory, 'the agent folder cannot be opened');
    }
  }

  /** All agent files in the folder and its subfolders, as sorted relative paths. Hidden entries are left out. */
  async list(): Promise<Listing> {
    const found: Listing = { files: [], folders: [this.#root], problems: [] };
    await this.#listInto('', found, 0);
    found.files.sort();
    return found;
  }

  async #listInto(folder: string, found: Listing, depth: number): Promise<void> {
    for (const entry of await this.#entries(folder)) {
      if (entry.name.startsWith('.')) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !AGENT_FILE.test(entry.name)) {
        await this.#listSubfolder(path, found, depth + 1);
      } else if (AGENT_FILE.test(entry.name)) {
        found.files.push(path);
      }
    }
  }

  async #listSubfolder(path: string, found: Listing, depth: number): Promise<void> {
    try {
      if (depth > MAX_DEPTH)
        throw new AgentFileError(this.pathOf(path), undefined, 'folders are nested too deeply.');
      found.folders.push(join(this.#root, path));
      await this.#listInto(path, found, depth);
    } catch (error) {
      if (!AgentFileError.isInstance(error)) throw error;
      found.problems.push(error as AgentFileError);
    }
  }

  async #entries(folder: string) {
    try {
      return await readdir(join(this.#root, folder), { withFileTypes: true });
    } catch (error) {
      throw wrap(error, this.pathOf(folder), 'the folder cannot be read');
    }
  }

  /** The path of a file, for messages. */
  pathOf(file: string): string {
    return join(this.directory, file);
  }

  /**
   * Reads a file by its path relative to the folder.
   *
   * @throws {@link AgentFileError} if the path leads out of the folder, or to anything but a regular UTF-8 file of at
   * most 1 MiB.
   */
  async read(file: string): Promise<string> {
    const shown = isAbsolute(file) ? file : this.pathOf(file);
    for (let tries = 1; ; tries += 1) {
      const text = await this.#readOnce(file, shown);
      if (text !== undefined) return text;
      if (tries === MAX_READ_TRIES)
        throw new AgentFileError(shown, undefined, 'it was replaced while it was read; load it again.');
    }
  }

  /** `undefined` if the file was replaced meanwhile. */
  async #readOnce(file: string, shown: string): Promise<string | undefined> {
    const target = await this.#resolve(file, shown);
    let handle: FileHandle | undefined;
    try {
      // Do not follow a link that has appeared since, and do not wait for the writer of a named pipe.
      handle = await open(
        target,
        constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
      );
      if (!(await this.#isStillThere(file, shown, handle))) return undefined;
      return decode(await readLimited(handle, shown), shown);
    } catch (error) {
      throw wrap(error, shown, 'the file cannot be read');
    } finally {
      await handle?.close();
    }
  }

  /**
   * Whether the path still leads to the opened file, inside the folder. A folder on the way may have become a link
   * between the check of the path and the opening; or an editor has saved the file, by renaming a new one over it.
   */
  async #isStillThere(file: string, shown: string, handle: FileHandle): Promise<boolean> {
    const [opened, found] = await Promise.all([handle.stat(), stat(await this.#resolve(file, shown))]);
    return opened.dev === found.dev && opened.ino === found.ino;
  }

  async #resolve(file: string, shown: string): Promise<string> {
    if (typeof file !== 'string' || file === '' || file.includes('\0') || isAbsolute(file) || goesUp(file)) {
      throw new AgentFileError(
        shown,
        undefined,
        `the file is outside ${this.directory}; use a path inside the folder, without "..".`,
      );
    }
    let target: string;
    try {
      target = await realpath(join(this.#root, file));
    } catch (error) {
      throw wrap(error, shown, 'the file cannot be read');
    }
    if (goesUp(relative(this.#root, target)) || isAbsolute(relative(this.#root, target))) {
      throw new AgentFileError(shown, undefined, `the link leads out of ${this.directory}.`);
    }
    return target;
  }
}

function goesUp(path: string): boolean {
  return path.split(/[\\/]/).includes('..') || path.split(sep).includes('..');
}

async function readLimited(handle: FileHandle, shown: string): Promise<Buffer> {
  const stats = await handle.stat();
  if (!stats.isFile()) {
    throw new AgentFileError(shown, undefined, 'it is not a regular file (but a folder, device or pipe).');
  }
  const tooLarge = () =>
    new AgentFileError(shown, undefined, `the file is larger than ${MAX_AGENT_FILE_BYTES} bytes (1 MiB).`);
  if (stats.size > MAX_AGENT_FILE_BYTES) throw tooLarge();
  // The file may have grown since, so the limit applies to what is read.
  const buffer = Buffer.alloc(MAX_AGENT_FILE_BYTES + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (length > MAX_AGENT_FILE_BYTES) throw tooLarge();
    if (bytesRead === 0) return buffer.subarray(0, length);
  }
}

function decode(bytes: Buffer, shown: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AgentFileError(shown, undefined, 'the file is not UTF-8 text.', { cause });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'no permission',
  ELOOP: 'its links form a circle, or appeared while it was read',
  ENXIO: 'it is not a regular file',
  ENODEV: 'it is not a regular file',
};

function wrap(error: unknown, shown: string, what: string): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || code.startsWith('TUTTI_')) return error;
  return new AgentFileError(shown, undefined, `${what}: ${REASONS[code] ?? code} (${code}).`, {
    cause: error,
  });
}
