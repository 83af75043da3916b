// Run in a folder where the packed package and the official clients are installed: bundles a program into one file in
// each usual way and runs it in a folder of its own, where there is no package beside it.
// Arguments: the program, and a folder whose node_modules has the bundlers.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [program, tools] = process.argv.slice(2);
const require = createRequire(join(resolve(tools), 'package.json'));
const esbuild = require('esbuild');
const webpack = require('webpack');

const folder = mkdtempSync(join(tmpdir(), 'tutti-bundles-'));
const shared = {
  entryPoints: [program],
  bundle: true,
  platform: 'node',
  target: 'node20',
  logLevel: 'error',
};

function withWebpack(file) {
  const compiler = webpack({
    mode: 'production',
    target: 'node20',
    context: process.cwd(),
    entry: resolve(program),
    output: { path: folder, filename: file },
    performance: { hints: false },
  });
  return new Promise((done, fail) =>
    compiler.run((error, stats) => {
      if (error !== null || stats.hasErrors()) fail(error ?? new Error(stats.toString('errors-only')));
      else compiler.close(done);
    }),
  );
}

try {
  const bundles = [
    ['esbuild, one ES module', 'esm.mjs', (outfile) => esbuild.build({ ...shared, format: 'esm', outfile })],
    ['esbuild, CommonJS', 'common.cjs', (outfile) => esbuild.build({ ...shared, format: 'cjs', outfile })],
    ['webpack', 'webpack.cjs', () => withWebpack('webpack.cjs')],
  ];
  for (const [name, file, bundle] of bundles) {
    await bundle(join(folder, file));
    const printed = execFileSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
    console.log(`${name}: ${printed.trim()}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
