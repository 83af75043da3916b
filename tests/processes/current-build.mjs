// Preloaded in processes of tests: 'tutti' and its subpaths are the build that was made of the sources for this test run.
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) register(import.meta.url);

export async function resolve(specifier, context, next) {
  const [name, room] = specifier.split('/');
  if (name !== 'tutti') return next(specifier, context);
  const file = join(process.env.TUTTI_TEST_BUILD, room ?? '', 'index.js');
  return { url: pathToFileURL(file).href, format: 'module', shortCircuit: true };
}
