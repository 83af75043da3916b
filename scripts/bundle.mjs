// Bundles each entry of the package into one file, with what several share in chunks: Node takes a quarter of a
// millisecond for every file it imports, and there are hundreds. The declarations come from tsc, file by file.
import { copyFileSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const inRepository = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const manifest = JSON.parse(readFileSync(inRepository('package.json'), 'utf8'));
const entryPoints = Object.values(manifest.exports)
  .map((entry) => entry.default)
  .filter((file) => file !== undefined)
  .map((file) => file.replace('./dist/', 'src/').replace(/\.js$/, '.ts'));
// Tests of the package build it beside the one that is there.
const outdir = process.argv[2] ?? 'dist';

// What is used of zod goes into the bundle, about 20 kB: importing the package would take 40 milliseconds.
const { dependencies, optionalDependencies, peerDependencies } = manifest;
const packages = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
const shared = {
  bundle: true,
  external: packages.filter((name) => name !== 'zod'),
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
};
const whole = {
  ...shared,
  entryPoints,
  outbase: 'src',
  outdir,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  sourcemap: true,
  sourcesContent: false,
};

/**
 * Makes one module of `core-json-schema.ts` and its part of zod. As parts of zod's own files they would lie in the
 * chunk of everything else of zod, since a file is never split, and be loaded with the package.
 */
const apart = {
  name: 'apart',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/core-json-schema\.ts$/ }, async ({ path }) => {
      const { outputFiles } = await build({ ...shared, entryPoints: [path], write: false });
      return { contents: outputFiles[0].text, loader: 'js' };
    }),
};

/**
 * Has the given modules import the package's root. What the root needs is then needed by all of them and lies in one
 * chunk; else it would lie in thirty, one for each set of modules that need the same.
 */
const together = (paths) => ({
  name: 'together',
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^the-root$/ }, () => ({ path: inRepository('src/index.ts') }));
    onLoad({ filter: /\.ts$/ }, ({ path }) =>
      paths.has(path)
        ? { contents: `${readFileSync(path, 'utf8')}\nimport 'the-root';`, loader: 'ts' }
        : undefined,
    );
  },
});

/** The modules that chunks are made for: the package's entries, and what is imported when it is needed. */
async function findEntries() {
  const { metafile } = await build({ ...whole, plugins: [apart], write: false, metafile: true });
  return Object.values(metafile.outputs).flatMap(({ entryPoint }) => entryPoint ?? []);
}

// The cache can be used alone: its entry brings no more than it needs.
const alone = new Set(['src/index.ts', 'src/cache/index.ts', 'src/output/core-json-schema.ts']);
const withRoot = (await findEntries()).filter((path) => !alone.has(path));
await build({
  ...whole,
  plugins: [apart, together(new Set(withRoot.map((path) => resolve(path))))],
  // What it is made for is done before it is dropped: the root does nothing when it is imported.
  logOverride: { 'ignored-bare-import': 'silent' },
});
copyFileSync(inRepository('node_modules/zod/LICENSE'), `${outdir}/zod-license.txt`);
