// npm run docs:metrics: writes the table of metrics into docs/guides/operations.md. With --check it changes nothing and
// exits with code 1 if the table is not as the code has it.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const inRepository = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const PAGE = inRepository('docs/guides/operations.md');
const [START, END] = ['<!-- metrics -->', '<!-- end of metrics -->'];

const { outputFiles } = await build({
  entryPoints: [inRepository('src/telemetry/metrics.ts')],
  bundle: true,
  format: 'esm',
  platform: 'node',
  write: false,
});
const { METRICS } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`
);

const rows = METRICS.map(({ name, kind, labels, help }) => {
  const named = labels.map((label) => `\`${label}\``).join(', ');
  return `| \`${name}\` | ${kind} | ${named} | ${help} |`;
});
const table = ['| Metric | Kind | Labels | Meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');

const page = readFileSync(PAGE, 'utf8');
const before = page.slice(0, page.indexOf(START) + START.length);
const after = page.slice(page.indexOf(END));
const written = `${before}\n\n${table}\n\n${after}`;
if (!process.argv.includes('--check')) writeFileSync(PAGE, written);
else if (written !== page) {
  console.error(
    'The table of metrics in docs/guides/operations.md differs from the code: npm run docs:metrics.',
  );
  process.exitCode = 1;
}
