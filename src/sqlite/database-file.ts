import { chmod, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Which file it is, whatever its name: changes when a file is removed and made anew. */
export interface FileIdentity {
  /** Device and inode. */
  readonly id: string;
  /** Whether the file starts like a SQLite file, or is empty, which SQLite takes as a new one. */
  readonly isDatabase: boolean;
}

const HEADER = Buffer.from('SQLite format 3\0', 'latin1');
/** What SQLite keeps beside a database, under the database's name with something added. */
const COMPANIONS = ['-wal', '-journal', '-shm'] as const;

/** Makes the folder (0700) and an empty file (0600) where there is none; narrows an existing file to its owner. */
export async function prepareFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'a', 0o600);
  await file.close();
  // SQLite gives the files beside it the mode of this one.
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
}

/** What stands at the path now; `undefined` when nothing does. */
export async function identify(path: string): Promise<FileIdentity | undefined> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { dev, ino, size } = await file.stat();
    const head = Buffer.alloc(HEADER.length);
    await file.read(head, 0, HEADER.length, 0);
    return { id: `${dev}:${ino}`, isDatabase: size === 0 || head.equals(HEADER) };
  } finally {
    await file.close();
  }
}

/**
 * Renames a file that is no usable database, and what SQLite keeps beside it, to names with the date. Nothing
 * is thrown away. Does nothing when another process has put another file there meanwhile.
 *
 * @returns the new name, or `undefined` when there was nothing to move.
 */
export async function moveAside(path: string, id: string, epochMs: number): Promise<string | undefined> {
  if ((await identify(path))?.id !== id) return undefined;
  const aside = `${path}.corrupt-${new Date(epochMs).toISOString().replaceAll(/[:.]/g, '-')}`;
  for (const companion of COMPANIONS) {
    await rename(path + companion, aside + companion).catch(() => {});
  }
  await rename(path, aside);
  return aside;
}
