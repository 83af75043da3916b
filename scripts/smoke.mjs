// npm run smoke: packs the build as users get it, unpacks it into a folder of its own and runs the shortest path through
// the public API there. Dependencies are linked from here, so no registry is asked.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tutti-smoke-'));
const modules = join(folder, 'node_modules');
const packageFolder = join(modules, 'tutti');
try {
  mkdirSync(packageFolder, { recursive: true });
  const packed = execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
    cwd: repository,
    encoding: 'utf8',
  });
  execFileSync('tar', ['-xzf', join(folder, packed.trim()), '-C', packageFolder, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(repository, 'node_modules', name), join(modules, name), 'dir');
  }
  copyFileSync(join(repository, 'scripts/smoke-test.mjs'), join(folder, 'smoke-test.mjs'));
  execFileSync(process.execPath, ['smoke-test.mjs'], { cwd: folder, stdio: 'inherit' });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
