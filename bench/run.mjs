// npm run bench [-- --quick] [-- --check]
//
// Measures the core and prints each figure beside its bar. --quick makes one round instead of several; --check ends
// with exit code 1 when a bar is missed. Figures are worth something only from a machine that does nothing else.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { groups } from './core/figures.mjs';
import { table } from './table.mjs';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
});
const effort = flags.quick ? { rounds: 1, coldStarts: 5 } : { rounds: 3, coldStarts: 25 };

const date = new Date().toISOString().slice(0, 10);
console.log(`${cpus().length} × ${cpus()[0].model}, Node ${process.version}, ${date}`);

const startedAt = performance.now();
const missed = [];
for (const group of groups) {
  for (const section of await group(effort)) {
    console.log(`\n### ${section.title}\n`);
    console.log(table(['', 'median', section.against, 'bar', 'holds'], section.rows.map(cells)));
    missed.push(...section.rows.filter(isMissed).map((row) => `${section.title}: ${row.name}`));
  }
}

console.log(`\n${Math.round((performance.now() - startedAt) / 1_000)} s`);
if (missed.length === 0) console.log('Every bar holds.');
else console.log(`Missed:\n${missed.map((name) => `- ${name}`).join('\n')}`);
if (flags.check && missed.length > 0) process.exitCode = 1;

function cells({ name, value, figure }) {
  const holds = figure.holds === undefined ? '' : figure.holds ? 'yes' : 'NO';
  return [name, value, figure.text, figure.limit, holds];
}

function isMissed({ figure }) {
  return figure.holds === false;
}
