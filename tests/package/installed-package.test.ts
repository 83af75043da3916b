import { cp, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { transform } from '@swc/core';
import { codeBlocks } from '../docs/markdown.js';
import { findingsOfCompiler } from '../processes/compiler.js';
import { type Installation, installPackage, runNode } from './install-package.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

let installed: Installation;

beforeAll(async () => {
  installed = await installPackage();
}, 60_000);

afterAll(async () => {
  await installed.remove();
});

async function write(name: string, text: string): Promise<string> {
  await writeFile(join(installed.folder, name), text);
  return name;
}

const COUNT_WORDS = `
  const orchestrator = new AsyncOrchestrator({ agents: { count: (task) => String(task.split(' ').length) } });
  orchestrator.execute('count', 'one two three').then((result) => console.log(result.output));
`;

describe('the packed package', () => {
  test('works in plain JavaScript', async () => {
    const file = await write('plain.mjs', `import { AsyncOrchestrator } from 'tutti';${COUNT_WORDS}`);
    expect(await runNode(installed.folder, file)).toEqual({ stdout: '3\n', stderr: '' });
  });

  test('can be required by CommonJS, without a warning', async () => {
    const file = await write('plain.cjs', `const { AsyncOrchestrator } = require('tutti');${COUNT_WORDS}`);
    expect(await runNode(installed.folder, file)).toEqual({ stdout: '3\n', stderr: '' });
  });

  // Every declaration file is checked once, with the stricter way to resolve modules; it is the same with the other.
  test.each([
    ['nodenext', 'nodenext', 'false'],
    ['esnext', 'bundler', 'true'],
  ])(
    'compiles in a strict project with module %s, moduleResolution %s, skipLibCheck %s',
    async (module, moduleResolution, skipLibCheck) => {
      await cp(here('./strict-user.mts'), join(installed.folder, 'strict-user.mts'));
      const options = [
        '--strict',
        '--noEmit',
        '--skipLibCheck',
        skipLibCheck,
        '--exactOptionalPropertyTypes',
      ];
      const target = ['--target', 'es2022', '--lib', 'es2022,esnext.disposable', '--types', 'node'];
      const modules = ['--module', module, '--moduleResolution', moduleResolution];
      const args = [...options, ...target, ...modules, 'strict-user.mts'];
      expect(await findingsOfCompiler(installed.folder, ...args)).toEqual([]);
    },
    30_000,
  );

  test('loads no native module and no package that is not a dependency', async () => {
    const { packages, native } = await loadedFor({ attempts: 2 });
    expect(native).toEqual([]);
    const { optionalDependencies = {}, peerDependencies = {} } = installed.manifest;
    const optional = [...Object.keys(optionalDependencies), ...Object.keys(peerDependencies)];
    expect(packages).toEqual(expect.arrayContaining(['tutti', 'p-limit', 'p-retry', 'p-timeout']));
    for (const name of optional) expect(packages).not.toContain(name);
  });

  test('loads for a first answer what that needs, and no more: nothing of zod, retries, lanes or SQLite', async () => {
    const { packages, files } = await loadedFor({ attempts: 1 });
    expect(packages.sort()).toEqual(['leven', 'p-limit', 'p-timeout', 'tutti', 'yocto-queue']);
    const laterOn =
      /(retries|collect-run|lanes|cached-calls|open-tiers|journaled-source|parse-output|core-json-schema|warming)-/;
    expect(files.filter((url) => laterOn.test(url))).toEqual([]);
    expect(files.filter((url) => packageOf(url) === 'tutti').length).toBeLessThanOrEqual(5);
  });

  test('reads at most 150 kB of code for that, minified, packages included', async () => {
    const root = join(installed.packageFolder, 'dist/index.js');
    const measured = await runNode(here('../..'), 'bench/core/start-size.mjs', JSON.stringify({ root }));
    const bytes = JSON.parse(measured.stdout) as number;
    expect(bytes).toBeGreaterThan(100_000);
    expect(bytes).toBeLessThanOrEqual(150_000);
  });

  test('without the native part of sqlite3, keeps the cache in memory with one warning, and a run fails with the cure', async () => {
    const modules = join(installed.folder, 'node_modules');
    for (const name of ['@keyv/sqlite', 'sqlite3', 'bindings', 'file-uri-to-path']) {
      const from = await realpath(here(`../../node_modules/${name}`));
      // As it is after an installation whose scripts were blocked.
      const isBuilt = (path: string): boolean =>
        path.startsWith(`${from}/build`) || path.startsWith(`${from}/deps`);
      await cp(from, join(modules, name), {
        recursive: true,
        filter: (path) => !isBuilt(path),
      });
    }
    const file = await write(
      'no-native.mjs',
      `import { AsyncOrchestrator } from 'tutti';
      // Newer Node.js has a driver of its own.
      const { getBuiltinModule } = process;
      process.getBuiltinModule = (id) => (id === 'node:sqlite' ? undefined : getBuiltinModule(id));
      const warnings = [];
      const logger = { debug() {}, info() {}, warn: (_details, message) => warnings.push(message), error() {} };
      const options = { agents: { echo: (task) => task }, logger };
      const secret = 'a secret for a test';
      const cached = new AsyncOrchestrator({ ...options, cache: { directory: 'cache', secret } });
      for (const task of ['a', 'a', 'b']) console.log((await cached.execute('echo', task)).cached);
      await cached.close();
      console.log(warnings.length, warnings[0].includes('npm rebuild sqlite3'));
      const plain = new AsyncOrchestrator(options);
      const run = plain.executeMultiple([['echo', 'a']], { runId: 'run', directory: 'runs', secret });
      const error = await run.catch((thrown) => thrown);
      console.log(error.code, error.message.includes('npm rebuild sqlite3'));
      await plain.close();`,
    );
    const { stdout, stderr } = await runNode(installed.folder, file);
    expect({ lines: stdout.trim().split('\n'), stderr }).toEqual({
      lines: ['false', 'memory', 'false', '1 true', expect.stringMatching(/^TUTTI_\w+ true$/)],
      stderr: '',
    });
  });

  test('declares no type of zod, which users may have in another version', async () => {
    const files = await readdir(installed.packageFolder, { recursive: true });
    const declarations = files.filter((file) => file.startsWith('dist/') && file.endsWith('.d.ts'));
    expect(declarations.length).toBeGreaterThan(50);
    for (const file of declarations) {
      const text = await readFile(join(installed.packageFolder, file), 'utf8');
      expect({ file, imports: /from ['"]zod|import\(['"]zod/.test(text) }).toEqual({ file, imports: false });
    }
  });

  test.each([
    ['anthropic', '@anthropic-ai/sdk', "anthropic({ model: 'claude-haiku-4-5', apiKey: 'k' })"],
    ['openai', 'openai@6', "openai({ model: 'gpt-4.1', apiKey: 'k' })"],
  ])('says what to install when %s is used without its client', async (name, install, agent) => {
    const file = await write(
      `${name}.mjs`,
      `import { AsyncOrchestrator } from 'tutti';
      import { ${name} } from 'tutti/providers';
      const orchestrator = new AsyncOrchestrator({
        agents: { model: ${agent}, upper: (task) => task.toUpperCase() },
      });
      console.log((await orchestrator.execute('upper', 'works')).output);
      const [{ error, attempts }] = await orchestrator.executeMultiple([['model', 'hi']]);
      console.log(error.code, attempts);
      console.log(error.message);
      await orchestrator.close();`,
    );
    const { stdout, stderr } = await runNode(installed.folder, file);
    const [works, code, message] = stdout.split('\n');
    expect({ works, code, stderr }).toEqual({ works: 'WORKS', code: 'TUTTI_MISSING_PACKAGE 1', stderr: '' });
    expect(message).toContain(`npm install ${install}`);
  });

  test('imports from every subpath without an optional package, and ends by itself', async () => {
    const subpaths = Object.keys(installed.manifest.exports).filter((path) => path !== './package.json');
    expect(subpaths).toEqual(
      expect.arrayContaining(['.', './providers', './agents', './testing', './cache']),
    );
    const imports = subpaths.map((path) => `await import('tutti${path.slice(1)}');`).join('\n');
    const file = await write('subpaths.mjs', `${imports}\nconsole.log('all there');`);
    expect(await runNode(installed.folder, file)).toEqual({ stdout: 'all there\n', stderr: '' });
  });

  test('runs programs as agents, and its model server, without an optional package', async () => {
    const file = await write(
      'program.mjs',
      `import { AsyncOrchestrator } from 'tutti';
      import { command } from 'tutti/providers';
      import { startModelServer } from 'tutti/testing';
      const server = await startModelServer();
      const orchestrator = new AsyncOrchestrator({ agents: { cat: command({ file: 'cat' }) } });
      console.log((await orchestrator.execute('cat', 'as it is')).output);
      await orchestrator.close();
      await server.close();`,
    );
    expect(await runNode(installed.folder, file)).toEqual({ stdout: 'as it is\n', stderr: '' });
  });

  test('has every file that its exports name', async () => {
    for (const target of Object.values(installed.manifest.exports)) {
      for (const path of typeof target === 'string' ? [target] : Object.values(target)) {
        await expect(readFile(join(installed.packageFolder, path))).resolves.toBeDefined();
      }
    }
  });

  test('holds the build, its sources and the documents, nothing else', async () => {
    expect((await readdir(installed.packageFolder)).sort()).toEqual(
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'llms.txt', 'package.json', 'src'].sort(),
    );
    const files = await readdir(installed.packageFolder, { recursive: true });
    expect(files).toContain('docs/getting-started.md');
    expect(files.filter((file) => /^docs\/(api\/|.*\.(?!md$)\w+$)/.test(file))).toEqual([]);
    expect(files.filter((file) => /\.tsbuildinfo$|\.test\./.test(file))).toEqual([]);
  });
});

describe("the README's example", () => {
  test('prints what the README says it prints', async () => {
    const readme = await readFile(here('../../README.md'), 'utf8');
    const [example] = codeBlocks(readme, ['ts']);
    const [printed] = codeBlocks(readme, ['text']);
    const { code } = await transform(example?.code as string, {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'es6' },
    });
    const file = await write('readme.mjs', code);
    expect(await runNode(installed.folder, file)).toEqual({ stdout: printed?.code, stderr: '' });
  });

  test('has at most 20 lines', async () => {
    const [example] = codeBlocks(await readFile(here('../../README.md'), 'utf8'), ['ts']);
    expect(example?.code.trimEnd().split('\n').length).toBeLessThanOrEqual(20);
  });
});

/** What Node loads for a call that is answered in that many attempts. */
async function loadedFor({ attempts }: { attempts: number }) {
  await cp(here('./loaded-modules.mjs'), join(installed.folder, 'loaded-modules.mjs'));
  const { stdout } = await runNode(installed.folder, 'loaded-modules.mjs', String(attempts));
  const { files, native } = JSON.parse(stdout) as { files: string[]; native: string[] };
  return { files, native, packages: [...new Set(files.flatMap((url) => packageOf(url) ?? []))] };
}

/** The package a file belongs to: what follows the last `node_modules`. */
function packageOf(url: string): string | undefined {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
}
