// Jest's global set-up: builds the package's code once, in a folder of its own, for the tests that start other processes.
// The build in dist may be missing or old, and compiling the sources in each process takes half a second each time.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

export default function buildOnce() {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-build-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'), 'dir');
  execFileSync(process.execPath, [join(REPOSITORY, 'scripts/bundle.mjs'), folder], { cwd: REPOSITORY });
  // Read by current-build.mjs; the workers and their children inherit it.
  process.env.TUTTI_TEST_BUILD = folder;
}
