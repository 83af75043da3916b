import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Installation, installPackage, type Manifest } from './install-package.js';

let installed: Installation;

beforeAll(async () => {
  installed = await installPackage();
}, 60_000);

afterAll(async () => {
  await installed.remove();
});

/** Bytes of all files in a folder, packages inside it left out. */
function bytesIn(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .reduce((sum, entry) => {
      const path = join(folder, entry.name);
      return sum + (entry.isDirectory() ? bytesIn(path) : statSync(path).size);
    }, 0);
}

/** The folder of a package, as one that lies in `folder` finds it. */
function folderOf(name: string, folder: string): string {
  for (let place = folder; ; place = join(place, '..')) {
    const candidate = join(place, 'node_modules', name);
    if (statSync(join(candidate, 'package.json'), { throwIfNoEntry: false }) !== undefined) return candidate;
    if (place === join(place, '..')) throw new Error(`${name} is not installed`);
  }
}

/** The folders of a package's dependencies and of theirs; optional ones and peers are left out. */
function dependenciesOf(folder: string, found = new Set<string>()): ReadonlySet<string> {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    const dependency = realpathSync(folderOf(name, folder));
    if (found.has(dependency)) continue;
    found.add(dependency);
    dependenciesOf(dependency, found);
  }
  return found;
}

test('takes at most 8 MB itself and 24 MB with its dependencies, without optional ones and peers', () => {
  const own = bytesIn(installed.packageFolder);
  const folders = dependenciesOf(installed.packageFolder);
  const all = [...folders].reduce((sum, folder) => sum + bytesIn(folder), own);
  expect(folders.size).toBeGreaterThanOrEqual(Object.keys(installed.manifest.dependencies).length);
  expect(own).toBeGreaterThan(500_000);
  expect(own).toBeLessThanOrEqual(8_000_000);
  expect(all).toBeLessThanOrEqual(24_000_000);
  const optional = Object.keys({
    ...installed.manifest.optionalDependencies,
    ...installed.manifest.peerDependencies,
  });
  for (const name of optional) {
    expect([...folders].filter((folder) => folder.endsWith(`/node_modules/${name}`))).toEqual([]);
  }
});
