// Jest's global set-up: makes a package of the sources once, in a folder of its own, for the tests that start other
// processes. The build in dist may be missing or old, and compiling the sources in each process takes half a second.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

/** Files that other processes use though the package does not export them. */
const PARTS = ['cache/seal', 'cache/tiers/disk/disk-tier', 'cache/tiers/tier-guard', 'sqlite/open-database'];

export default async function buildOnce() {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-build-'));
  // With its manifest the folder is the package `tutti` to all scripts in it, as this repository is after a build.
  for (const name of ['package.json', 'examples']) {
    cpSync(join(REPOSITORY, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'), 'dir');
  execFileSync(process.execPath, [join(REPOSITORY, 'scripts/bundle.mjs'), join(folder, 'dist')], {
    cwd: REPOSITORY,
  });
  await build({
    entryPoints: PARTS.map((part) => join(REPOSITORY, 'src', `${part}.ts`)),
    outbase: join(REPOSITORY, 'src'),
    outdir: join(folder, 'parts'),
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
  });
  stop();
  // Read by current-build.ts; the workers and their children inherit it.
  process.env.TUTTI_TEST_BUILD = folder;
}
