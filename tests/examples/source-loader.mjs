// Lets an example run on the sources as they are, without a build that may be missing or old: 'tutti' is src/index.ts, 'tutti/providers' src/providers/index.ts,
// and TypeScript loses its types on the way in.
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { transform } from '@swc/core';

const ENTRY = new URL('../../src/index.ts', import.meta.url).href;

if (isMainThread) register(import.meta.url);

export async function resolve(specifier, context, next) {
  if (specifier === 'tutti') return { url: ENTRY, format: 'module', shortCircuit: true };
  const room = /^tutti\/(\w+)$/.exec(specifier)?.[1];
  if (room !== undefined) {
    return { url: new URL(`${room}/index.ts`, ENTRY).href, format: 'module', shortCircuit: true };
  }
  const isOwn = specifier.startsWith('.') && context.parentURL?.endsWith('.ts') === true;
  return next(isOwn ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const source = await readFile(fileURLToPath(url), 'utf8');
  const { code } = await transform(source, {
    filename: fileURLToPath(url),
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'es6' },
    sourceMaps: 'inline',
  });
  return { format: 'module', source: code, shortCircuit: true };
}
