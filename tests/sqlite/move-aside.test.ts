import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { identify } from '../../src/sqlite/database-file.js';
import { moveAside } from '../../src/sqlite/move-aside.js';

const AT = Date.UTC(2026, 0, 1);
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-aside-'));
  path = join(folder, 'cache.db');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const idOf = async () => (await identify(path)) as string;

describe('moveAside', () => {
  test('renames the file and what SQLite keeps beside it, and nothing else', async () => {
    for (const name of ['cache.db', 'cache.db-wal', 'cache.db-shm', 'other.db', 'cache.db.bak']) {
      await writeFile(join(folder, name), name);
    }
    const aside = await moveAside(path, await idOf(), AT);
    expect(aside).toBe(`${path}.corrupt-2026-01-01T00-00-00-000Z`);
    const name = 'cache.db.corrupt-2026-01-01T00-00-00-000Z';
    expect((await readdir(folder)).sort()).toEqual(
      [name, `${name}-shm`, `${name}-wal`, 'cache.db.bak', 'other.db'].sort(),
    );
    expect(await readFile(`${aside}-wal`, 'utf8')).toBe('cache.db-wal');
  });

  test('leaves a file alone that another process has put there meanwhile', async () => {
    await writeFile(path, 'broken');
    const broken = await idOf();
    // Written beside it and renamed, so that it cannot get the number of the one it replaces.
    await writeFile(`${path}.new`, 'sound');
    await rm(path);
    await rename(`${path}.new`, path);
    expect(await moveAside(path, broken, AT)).toBeUndefined();
    expect(await readFile(path, 'utf8')).toBe('sound');
  });

  test('has nothing to move where the file is gone', async () => {
    await writeFile(path, 'broken');
    const broken = await idOf();
    await rm(path);
    expect(await moveAside(path, broken, AT)).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });
});
