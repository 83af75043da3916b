import { chmod, type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What stands where a database's file should be. */
export type FileState = 'ok' | 'gone' | 'replaced' | 'rubbish';

/** A file that is kept open for looking at it. */
export interface HeldFile {
  /** Device and inode: which file it is, whatever its name. */
  readonly id: string;
  /** Whether it starts like a SQLite file, or is empty, which SQLite takes as a new one. */
  isDatabase(): Promise<boolean>;
  /** Lets go of it. To be called once SQLite has closed it. */
  release(): Promise<void>;
}

interface Holding {
  readonly handle: FileHandle;
  holders: number;
}

const HEADER = Buffer.from('SQLite format 3\0', 'latin1');

/*
 * Closing any descriptor of a file drops every lock that the process has on it, SQLite's among them (POSIX). So a
 * file that SQLite has open is never opened and closed beside it: one descriptor for each file is kept for as long as
 * any database of this process uses it.
 */
const holdings = new Map<string, Holding>();
let lastTurn: Promise<unknown> = Promise.resolve();

/**
 * Opens the file for looking at it; makes it (0600), and its folder (0700), where there is none, and narrows it to
 * its owner.
 */
export function holdFile(path: string): Promise<HeldFile> {
  return inTurn(async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const id = (await identify(path)) ?? (await makeFile(path));
    const found = await stat(path);
    if (!found.isFile()) throw new Error('it is not a file');
    // SQLite gives the files beside it the mode of this one.
    if ((found.mode & 0o077) !== 0) await chmod(path, 0o600);
    const holding = holdings.get(id) ?? { handle: await open(path, 'r'), holders: 0 };
    holding.holders++;
    holdings.set(id, holding);
    return toHeldFile(id, holding);
  });
}

/** Device and inode of what is at the path; `undefined` when nothing is. */
export async function identify(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path);
    return `${dev}:${ino}`;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Compares what is at the path with what was opened there. */
export async function stateOf(path: string, file: HeldFile): Promise<FileState> {
  const id = await identify(path);
  if (id === undefined) return 'gone';
  if (id !== file.id) return 'replaced';
  return (await file.isDatabase()) ? 'ok' : 'rubbish';
}

function toHeldFile(id: string, holding: Holding): HeldFile {
  return {
    id,
    isDatabase: async () => {
      const head = Buffer.alloc(HEADER.length);
      const { bytesRead } = await holding.handle.read(head, 0, head.length, 0);
      return bytesRead === 0 || head.equals(HEADER);
    },
    release: () =>
      inTurn(async () => {
        if (--holding.holders > 0) return;
        holdings.delete(id);
        await holding.handle.close();
      }),
  };
}

async function makeFile(path: string): Promise<string> {
  await (await open(path, 'a', 0o600)).close();
  return (await identify(path)) ?? '';
}

/** One at a time, so that two openings of one file share a descriptor. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = lastTurn.then(work);
  lastTurn = result.catch(() => {});
  return result;
}
