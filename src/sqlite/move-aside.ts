import { rename } from 'node:fs/promises';
import { identify } from './held-file.js';

/** What SQLite keeps beside a database, under the database's name with something added. */
const COMPANIONS = ['-wal', '-journal', '-shm'] as const;

/**
 * Renames a file that is no usable database, and what SQLite keeps beside it, to names with the date. Nothing
 * is thrown away. Does nothing when another process has put another file there meanwhile.
 *
 * @returns the new name, or `undefined` when there was nothing to move.
 */
export async function moveAside(path: string, id: string, epochMs: number): Promise<string | undefined> {
  if ((await identify(path)) !== id) return undefined;
  const aside = `${path}.corrupt-${new Date(epochMs).toISOString().replaceAll(/[:.]/g, '-')}`;
  for (const companion of COMPANIONS) {
    await rename(path + companion, aside + companion).catch(() => {});
  }
  await rename(path, aside);
  return aside;
}
