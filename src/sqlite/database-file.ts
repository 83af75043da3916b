import { randomBytes } from 'node:crypto';
import { fstat, read, type Stats } from 'node:fs';
import { chmod, link, lstat, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** What stands where a database's file should be. */
export type FileState = 'ok' | 'gone' | 'replaced' | 'rubbish';

/** What is found at the path of a database before it is opened. */
export interface FoundFile {
  /** Device and inode. */
  readonly id: string;
  /** Whether it is empty, which SQLite takes as a new database. */
  readonly isEmpty: boolean;
}

const HEADER = Buffer.from('SQLite format 3\0', 'latin1');
/** Every page size of SQLite is a multiple of this, and so is the size of every database file. */
const SMALLEST_PAGE_BYTES = 512;
/** Where the descriptors of this process are listed: Linux, macOS. */
const DESCRIPTOR_FOLDERS = ['/proc/self/fd', '/dev/fd'];

/*
 * Closing any descriptor of a file drops every lock that the process has on it, SQLite's among them (POSIX). Worker
 * threads and other copies of this library share the process, so the file of a database is never opened here: only
 * SQLite opens it, and looking at it goes through SQLite's own descriptor.
 */

/**
 * What is at the path; `undefined` when nothing is.
 *
 * @throws an `Error` when it is a symbolic link or anything but a file.
 */
export async function findFile(path: string): Promise<FoundFile | undefined> {
  const found = await statOf(path);
  if (found === undefined) return undefined;
  if (found.isSymbolicLink()) {
    throw new Error(
      'it is a symbolic link, and what it leads to may belong to another program. Remove the link',
    );
  }
  if (!found.isFile()) throw new Error('it is not a file');
  return { id: idOf(found), isEmpty: found.size === 0 };
}

/** Creates an empty file for its owner alone (0600), unless another process was quicker. */
export async function createFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // Under another name first: once the file has its name, SQLite may lock it in another thread, and closing would
  // drop that lock.
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`;
  await (await open(draft, 'wx', 0o600)).close();
  try {
    await link(draft, path);
  } catch (error) {
    const { code } = error as { code?: unknown };
    // Some file systems have no hard links.
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS' || code === 'EMLINK') {
      await (await open(path, 'a', 0o600)).close();
    } else if (code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft).catch(() => {});
  }
}

/** Narrows a file's mode to its owner. SQLite gives the files beside it the same mode. */
export async function narrowMode(path: string): Promise<void> {
  if (((await lstat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
}

/** Device and inode of what is at the path; `undefined` when nothing is. */
export async function identify(path: string): Promise<string | undefined> {
  const found = await statOf(path);
  return found === undefined ? undefined : idOf(found);
}

/** Watches the file of an open database, without opening it. */
export class DatabaseFile {
  readonly #path: string;
  readonly #id: string;
  /** SQLite's descriptor, once it is found; `-1` where descriptors cannot be listed. */
  #descriptor: number | undefined;

  constructor(path: string, id: string) {
    this.#path = path;
    this.#id = id;
  }

  /** Compares what is at the path with what was opened there. */
  async state(): Promise<FileState> {
    const found = await statOf(this.#path);
    if (found === undefined) return 'gone';
    if (idOf(found) !== this.#id) return 'replaced';
    if (found.size === 0 || found.size % SMALLEST_PAGE_BYTES !== 0) return 'rubbish';
    const head = await this.#readHead();
    return head === undefined || head.equals(HEADER) ? 'ok' : 'rubbish';
  }

  /** The file's first bytes; `undefined` where they cannot be read. */
  async #readHead(): Promise<Buffer | undefined> {
    if (this.#descriptor === undefined || !(await this.#isOurs(this.#descriptor))) {
      this.#descriptor = await this.#findDescriptor();
    }
    if (this.#descriptor < 0) return undefined;
    try {
      const head = Buffer.alloc(HEADER.length);
      const { bytesRead } = await promisify(read)(this.#descriptor, head, 0, head.length, 0);
      return bytesRead === head.length ? head : undefined;
    } catch {
      return undefined;
    }
  }

  async #findDescriptor(): Promise<number> {
    for (const folder of DESCRIPTOR_FOLDERS) {
      for (const name of await readdir(folder).catch(() => [])) {
        if (await this.#isOurs(Number(name))) return Number(name);
      }
    }
    return -1;
  }

  async #isOurs(descriptor: number): Promise<boolean> {
    if (!Number.isInteger(descriptor) || descriptor < 0) return false;
    const found = await promisify(fstat)(descriptor).catch(() => undefined);
    return found !== undefined && idOf(found) === this.#id;
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  }
}

function idOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}
