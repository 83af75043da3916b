// Bundles each entry of the package into one file, with what several share in chunks: Node takes a quarter of a
// millisecond for every file it imports, and there are hundreds. The declarations come from tsc, file by file.
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const entryPoints = Object.values(exports)
  .map((entry) => entry.default)
  .filter((file) => file !== undefined)
  .map((file) => file.replace('./dist/', 'src/').replace(/\.js$/, '.ts'));

await build({
  entryPoints,
  outbase: 'src',
  // Tests of the package build it beside the one that is there.
  outdir: process.argv[2] ?? 'dist',
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  sourcesContent: false,
});
