// Parts of the package that it does not export, for measuring them alone: bundled from the source when they are asked for.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const source = fileURLToPath(new URL('../src/', import.meta.url));

/** Imports several files of `src` at once, so that they share what they share; gives all that they export. */
export async function importInside(...files) {
  // Beside the benchmarks, as what is outside of the package is looked for from there.
  const folder = mkdtempSync(fileURLToPath(new URL('.inside-', import.meta.url)));
  try {
    const outfile = join(folder, 'inside.mjs');
    const contents = files.map((file) => `export * from './${file}';`).join('\n');
    await build({
      stdin: { contents, resolveDir: source, loader: 'ts' },
      outfile,
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
