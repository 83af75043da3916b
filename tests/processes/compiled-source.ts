import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { transformFile } from '@swc/core';

/** The sources as JavaScript in a folder of their own, for tests that need another process. */
export interface CompiledSource {
  /** The folder; holds what `src/` holds. */
  readonly directory: string;
  /** Removes it. */
  remove(): Promise<void>;
}

/** Compiles these rooms of `src/`. The oldest supported Node cannot run TypeScript, and a build may be out of date. */
export async function compileSource(rooms: readonly string[]): Promise<CompiledSource> {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-compiled-'));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await symlink(resolve('node_modules'), join(directory, 'node_modules'));
  for (const room of rooms) {
    const files = await readdir(join('src', room), { recursive: true });
    await Promise.all(
      files.filter((file) => file.endsWith('.ts')).map((file) => compile(join(room, file), directory)),
    );
  }
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

async function compile(file: string, directory: string): Promise<void> {
  const { code } = await transformFile(join('src', file), {
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'es6' },
  });
  const target = join(directory, file.replace(/\.ts$/, '.js'));
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, code);
}
