// Bytes of code, minified, that Node reads for `import { AsyncOrchestrator } from 'tutti'`: the package's root
// with all that it imports statically, packages included.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { parameters, report } from '../child.mjs';

const { root = fileURLToPath(new URL('../../dist/index.js', import.meta.url)) } = parameters();
const { metafile } = await build({
  entryPoints: [root],
  outdir: 'none',
  bundle: true,
  splitting: true,
  minify: true,
  treeShaking: false,
  write: false,
  metafile: true,
  format: 'esm',
  platform: 'node',
  // Loaded when they are used, and not always installed.
  external: ['@keyv/sqlite', '@anthropic-ai/sdk', 'openai'],
  logLevel: 'error',
});

const read = new Set();
function take(output) {
  if (read.has(output)) return;
  read.add(output);
  for (const { path, kind, external } of metafile.outputs[output].imports) {
    if (kind === 'import-statement' && external !== true) take(path);
  }
}
take(
  Object.keys(metafile.outputs).find((output) =>
    /(^|\/)dist\/index\.js$/.test(metafile.outputs[output].entryPoint),
  ),
);

report([...read].reduce((bytes, output) => bytes + metafile.outputs[output].bytes, 0));
