import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';

interface TemporaryFolder {
  readonly path: string;
  /** Writes a file in it and returns its path. */
  write(name: string, text: string): Promise<string>;
}

/** A folder of its own for each test, which is the working directory meanwhile. */
export function temporaryFolder(): TemporaryFolder {
  let folder = '';
  const before = process.cwd();
  beforeEach(async () => {
    folder = await mkdtemp(join(await realpath(tmpdir()), 'tutti-runtime-'));
    process.chdir(folder);
  });
  afterEach(async () => {
    process.chdir(before);
    await rm(folder, { recursive: true, force: true });
  });
  return {
    get path() {
      return folder;
    },
    async write(name, text) {
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      return path;
    },
  };
}
