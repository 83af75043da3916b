import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import { findingsOfCompiler } from '../processes/compiler.js';

const run = promisify(execFile);
const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const PACKED = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'llms.txt', 'docs', 'src'];

/** The package's manifest. */
export interface Manifest {
  exports: Record<string, string | { types: string; default: string }>;
  typesVersions: { '*': Record<string, string[]> };
  dependencies: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

/** A folder of a user in which the packed package is installed, and nothing else. */
export interface Installation {
  /** The user's folder. */
  folder: string;
  /** The installed package's folder. */
  packageFolder: string;
  manifest: Manifest;
  /** Removes everything that was made. */
  remove(): Promise<void>;
}

/** What a child process printed; a child that fails is an error with its output. */
export interface Output {
  stdout: string;
  stderr: string;
}

/**
 * Builds the package as it is now, packs it and unpacks the tarball into a new folder. Its dependencies are linked
 * from this repository, so that no registry is needed; optional ones are left out, as where they cannot be built.
 */
export async function installPackage(): Promise<Installation> {
  const root = await mkdtemp(join(tmpdir(), 'tutti-package-'));
  const tarball = await pack(join(root, 'stage'));
  const folder = join(root, 'user');
  const packageFolder = join(folder, 'node_modules', 'tutti');
  await mkdir(packageFolder, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', packageFolder, '--strip-components=1']);
  const manifest = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as Manifest;
  const linked = [...Object.keys(manifest.dependencies), '@types/node', 'undici-types'];
  for (const name of linked) await link(name, folder);
  return { folder, packageFolder, manifest, remove: () => rm(root, { recursive: true, force: true }) };
}

/** Runs Node on a file of the user's folder. */
export function runNode(folder: string, ...args: string[]): Promise<Output> {
  return run(process.execPath, args, { cwd: folder, env: { PATH: process.env.PATH } });
}

async function pack(stage: string): Promise<string> {
  await mkdir(stage);
  for (const name of PACKED) await cp(join(REPOSITORY, name), join(stage, name), { recursive: true });
  const build = ['-p', join(REPOSITORY, 'tsconfig.build.json'), '--outDir', join(stage, 'dist'), '--noCheck'];
  expect(await findingsOfCompiler(REPOSITORY, ...build)).toEqual([]);
  await runNode(REPOSITORY, join(REPOSITORY, 'scripts/bundle.mjs'), join(stage, 'dist'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error'], {
    cwd: stage,
  });
  const packed = JSON.parse(stdout) as unknown;
  // A list of packages, or a record by name, as the npm version has it.
  const [{ filename }] = Object.values(packed as object) as [{ filename: string }];
  return join(stage, filename);
}

async function link(name: string, folder: string): Promise<void> {
  const target = join(folder, 'node_modules', name);
  await mkdir(dirname(target), { recursive: true });
  await symlink(join(REPOSITORY, 'node_modules', name), target, 'dir');
}
