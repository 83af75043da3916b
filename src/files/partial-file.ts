import type { Stats } from 'node:fs';
import { type FileHandle, mkdir, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fieldOf } from '../errors/foreign.js';

/**
 * A file that is written beside its final path and takes its place once it is complete: readers see the old file or
 * the whole new one. What a killed process leaves behind is replaced by the next one.
 */
export class PartialFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #target: string;

  private constructor(handle: FileHandle, path: string, target: string) {
    this.#handle = handle;
    this.#path = path;
    this.#target = target;
  }

  /** Starts an empty file for this path; the folder is created if it does not exist. */
  static async open(path: string): Promise<PartialFile> {
    const { target, there } = await placeOf(path);
    await mkdir(dirname(target), { recursive: true });
    const partial = `${target}.partial`;
    await rm(partial, { force: true });
    const handle = await open(partial, 'wx', there === undefined ? undefined : there.mode & 0o777);
    if (there !== undefined) await inherit(handle, there);
    return new PartialFile(handle, partial, target);
  }

  async append(text: string): Promise<void> {
    await this.#handle.appendFile(text);
  }

  /** Waits until what was written is on disk. */
  sync(): Promise<void> {
    return this.#handle.sync();
  }

  /** Puts it in place of the file at its path, once it is on disk. */
  async finish(): Promise<void> {
    await this.#handle.sync();
    if (!(await this.#isOurs())) throw new Error('another writer has begun to write this file');
    await this.#handle.close();
    await rename(this.#path, this.#target);
    await syncFolder(dirname(this.#target));
  }

  /** Removes it. The file at its path stays as it was. */
  async discard(): Promise<void> {
    const isOurs = await this.#isOurs();
    await this.#handle.close();
    if (isOurs) await rm(this.#path, { force: true });
  }

  /** Whether the file beside the path is still this one: a second writer for the same path starts its own. */
  async #isOurs(): Promise<boolean> {
    const [own, there] = await Promise.all([this.#handle.stat(), stat(this.#path).catch(() => undefined)]);
    return there !== undefined && own.ino === there.ino && own.dev === there.dev;
  }
}

/** The path of the file itself, where a symbolic link leads to it; of the file that will be made, where none is yet. */
export async function targetOf(path: string): Promise<string> {
  const target = await realpath(path).catch(() => undefined);
  return target ?? (await linkedPath(resolve(path)));
}

/** Where a symbolic link leads, and the file that is there. */
async function placeOf(path: string): Promise<{ target: string; there: Stats | undefined }> {
  try {
    const target = await realpath(path);
    const there = await stat(target);
    if (!there.isFile()) throw new Error('expected a regular file, or a path where none is yet');
    return { target, there };
  } catch (error) {
    if (fieldOf(error, 'code') !== 'ENOENT') throw error;
    return { target: await linkedPath(resolve(path)), there: undefined };
  }
}

/** The path that a link names whose file does not exist yet; the path itself if it is no link. */
async function linkedPath(path: string): Promise<string> {
  const named = await readlink(path).catch(() => undefined);
  return named === undefined ? path : resolve(dirname(path), named);
}

/** The new file gets the permissions of the old one, whatever the umask, and its owner where that is allowed. */
async function inherit(handle: FileHandle, there: Stats): Promise<void> {
  const own = await handle.stat();
  if (own.uid !== there.uid || own.gid !== there.gid) {
    await handle.chown(there.uid, there.gid).catch(() => {});
  }
  if ((own.mode & 0o777) !== (there.mode & 0o777)) await handle.chmod(there.mode & 0o777);
}

/** After a power cut the new name may be lost otherwise. Not every system can do it, and none needs it for a crash. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path);
    await folder.sync().finally(() => folder.close());
  } catch {
    // Windows opens no folders.
  }
}
