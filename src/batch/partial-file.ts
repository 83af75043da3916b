import { type FileHandle, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
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
    const { target, mode } = await placeOf(path);
    await mkdir(dirname(target), { recursive: true });
    const partial = `${target}.partial`;
    await rm(partial, { force: true });
    return new PartialFile(await open(partial, 'wx', mode), partial, target);
  }

  async append(text: string): Promise<void> {
    await this.#handle.appendFile(text);
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

/** Where a symbolic link leads, and the permissions of the file that is there. */
async function placeOf(path: string): Promise<{ target: string; mode: number | undefined }> {
  try {
    const target = await realpath(path);
    const found = await stat(target);
    if (!found.isFile()) throw new Error('expected a regular file, or a path where none is yet');
    return { target, mode: found.mode & 0o777 };
  } catch (error) {
    if (fieldOf(error, 'code') !== 'ENOENT') throw error;
    return { target: resolve(path), mode: undefined };
  }
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
