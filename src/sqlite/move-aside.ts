import { rename } from 'node:fs/promises';
import { identify } from './database-file.js';

/** Why a file is moved aside; part of its new name. */
export type AsideReason = 'corrupt' | `version-${number}`;

/** What SQLite keeps beside a database, under the database's name with something added. */
const COMPANIONS = ['-wal', '-journal', '-shm'] as const;

/**
 * Renames a file that cannot be used, and what SQLite keeps beside it, to names with the reason and the date. Nothing
 * is deleted. Does nothing when another process has put another file there meanwhile.
 *
 * @returns the new name, or `undefined` when there was nothing to move.
 */
export async function moveAside(
  path: string,
  id: string,
  epochMs: number,
  reason: AsideReason = 'corrupt',
): Promise<string | undefined> {
  if ((await identify(path)) !== id) return undefined;
  const aside = `${path}.${reason}-${new Date(epochMs).toISOString().replaceAll(/[:.]/g, '-')}`;
  for (const companion of COMPANIONS) {
    await rename(path + companion, aside + companion).catch(() => {});
  }
  await rename(path, aside);
  return aside;
}
