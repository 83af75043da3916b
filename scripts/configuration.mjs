// npm run docs:configuration: writes docs/reference/configuration.md from the schemas of the rooms and the table of
// environment variables, so that the page cannot differ from the code. A test checks that it is current.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = new URL('../', import.meta.url);
const inRepository = (path) => fileURLToPath(new URL(path, ROOT));

const HEAD = `# Reference: configuration

\`npm run docs:configuration\` writes this page from the code. [Configuration](../guides/configuration.md) explains how the sources work together; [options](options.md) what each option does.

Settings are those of \`tutti.config.{mjs,js,json}\`, \`defineConfig\` and \`createTutti\`, with dots between the names of objects. A setting without a default is off. Functions and objects of other kinds (\`agents\`, \`hooks\`, \`logger\` and so on) cannot come from JSON.
`;

/** The parts with a heading of their own. */
const PARTS = new Map([
  ['cache', 'Cache'],
  ['state', 'State'],
  ['telemetry', 'Telemetry'],
]);

/** What docs/reference/configuration.md has to contain. */
export function configurationText({ schema, variables }) {
  const settings = settingsOf(schema, []);
  const rest = settings.filter(({ path: [part] }) => !PARTS.has(part));
  const sections = [...PARTS].map(([name, title]) =>
    section(
      title,
      settings.filter(({ path: [part] }) => part === name),
      variables,
    ),
  );
  return [
    HEAD,
    section('Orchestrator and logging', rest, variables),
    ...sections,
    variableSection(variables),
  ].join('\n');
}

/** Every setting with its default, that of an object one by one. */
function settingsOf(schema, path) {
  const defaults = schema.read({}, [], []) ?? {};
  return Object.entries(schema.shape).flatMap(([name, inner]) => {
    const own = [...path, name];
    if (Object.keys(inner.shape).length > 0) return settingsOf(inner, own);
    return [{ path: own, fallback: defaults[name] }];
  });
}

function section(title, settings, variables) {
  const rows = settings.map(({ path, fallback }) => {
    const setting = path.join('.');
    const names = variables.filter((one) => one.setting === setting).flatMap(namesOf);
    return `| \`${setting}\` | ${shown(fallback)} | ${names.join(', ')} |`;
  });
  return [`## ${title}`, '', '| Setting | Default | Variables |', '| --- | --- | --- |', ...rows, ''].join(
    '\n',
  );
}

function namesOf({ name, alias }) {
  return [`\`${name}\``, ...(alias === undefined ? [] : [`\`${alias.name}\``])];
}

/** A default as it is written in code; of an object that stands for the system's own, nothing. */
function shown(fallback) {
  if (typeof fallback === 'number') return `\`${String(fallback).replace(/\B(?=(\d{3})+$)/g, '_')}\``;
  if (typeof fallback === 'string') return `\`'${fallback}'\``;
  if (typeof fallback === 'boolean' || Array.isArray(fallback)) return `\`${JSON.stringify(fallback)}\``;
  return '';
}

const KINDS = {
  text: 'text',
  number: 'number',
  seconds: 'seconds',
  switch: '`true` or `false`',
  debug: '`true` for the level `debug`',
};

function variableSection(variables) {
  const rows = variables.flatMap((variable) => [
    row(variable, variable.name, variable.kind),
    ...(variable.alias === undefined ? [] : [row(variable, variable.alias.name, variable.alias.kind)]),
  ]);
  return [
    '## Environment variables',
    '',
    'An empty variable counts as none. Of two names for one setting, the one that begins with `TUTTI_` counts. Only variables marked with \u25cf turn on the part that they belong to; the others configure a part that is on. Those marked with \u25c6 are secret.',
    '',
    '| Variable | Setting | Value | Meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function row({ setting, turnsOn, isSecret, meaning }, name, kind) {
  const marks = `${turnsOn ? ' \u25cf' : ''}${isSecret ? ' \u25c6' : ''}`;
  return `| \`${name}\`${marks} | \`${setting}\` | ${KINDS[kind]} | ${meaning} |`;
}

/** The schema and the table, compiled from the sources. */
async function compiled() {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-configuration-'));
  symlinkSync(inRepository('node_modules'), join(folder, 'node_modules'), 'dir');
  await build({
    entryPoints: ['tutti-config', 'environment'].map((name) => inRepository(`src/runtime/${name}.ts`)),
    outdir: folder,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    outExtension: { '.js': '.mjs' },
  });
  const load = (name) => import(pathToFileURL(join(folder, `${name}.mjs`)).href);
  const [{ tuttiConfigSchema }, { VARIABLES }] = await Promise.all([
    load('tutti-config'),
    load('environment'),
  ]);
  rmSync(folder, { recursive: true });
  return { schema: tuttiConfigSchema(), variables: VARIABLES };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('docs/reference/configuration.md', ROOT), configurationText(await compiled()));
}
