// What becomes of calls when the provider has trouble that passes, through tutti and through five other ways.
//
//   npm run bench:trouble                                       every row
//   npm run bench:trouble -- --only 503-once,dead --clients tutti,p-retry
//   npm run bench:trouble -- --shapes                           how much of a limit is used, by its shape
//
//   node bench/trouble.mjs --markdown FILE.json ...             the table for the documents, from what --json wrote
//
// Also: --list (the rows' names), --cap SECONDS (60), --json FILE, --check (exit code 1 when a bar is missed).
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { TITLES } from './trouble/clients.mjs';
import { contest } from './trouble/contest.mjs';
import { rows, shapes } from './trouble/rows.mjs';
import { cellOf, rowDocument, rowTable, shapeDocument, shapeTable } from './trouble/tables.mjs';
import { missedOf, missedOfLimit } from './trouble/verdict.mjs';

const { values: flags, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    clients: { type: 'string' },
    shapes: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    cap: { type: 'string', default: '60' },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
  },
});

const chosen = choose(flags.shapes ? shapes : rows, flags.only, ({ name }) => name);
const names = choose(
  Object.keys(TITLES),
  flags.clients ?? (flags.shapes ? 'tutti' : undefined),
  (name) => name,
);

if (flags.list) for (const { name, trouble } of chosen) console.log(`${name.padEnd(26)}${trouble}`);
else if (flags.markdown) console.log((flags.shapes ? shapeDocument : rowDocument)(chosen, names, files));
else await main();

async function main() {
  const date = new Date().toISOString().slice(0, 10);
  const load = loadavg()[0].toFixed(1);
  console.log(`${cpus().length} × ${cpus()[0].model}, load ${load}, Node ${process.version}, ${date}\n`);
  const results = flags.shapes ? await runShapes() : await runRows();
  if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(results, undefined, 2));
  const missed = results.filter((result) => result.missed.length > 0);
  if (names.includes('tutti'))
    console.log(`\nEvery bar holds in ${results.length - missed.length} of ${results.length} rows.`);
  if (flags.check && missed.length > 0) process.exitCode = 1;
}

async function runRows() {
  const results = [];
  for (const row of chosen) {
    console.log(`${row.name}: ${row.trouble}`);
    const reports = await contest(row, names, 1_000 * Number(flags.cap));
    const byClient = Object.fromEntries(names.map((name, place) => [name, reports[place]]));
    const missed = missedOf(row, byClient);
    for (const name of names) printReport(row, name, byClient[name]);
    results.push({ row: row.name, trouble: row.trouble, calls: row.calls, reports: byClient, missed });
  }
  console.log('\nAnswered, seconds, requests:\n');
  console.log(rowTable(results, names));
  return results;
}

function printReport(row, name, report) {
  const connections = row.deadModels.length > 0 ? `, ${report.connections} connections` : '';
  console.log(`  ${TITLES[name].padEnd(20)}${cellOf(report)} of ${row.calls} calls${connections}`);
  const failures = Object.entries(report.failures).sort(([, left], [, right]) => right - left);
  for (const [kind, count] of failures.slice(0, 2)) console.log(`    ${count} × ${kind}`);
}

/** All shapes at once: they wait most of the time. */
async function runShapes() {
  console.log(`${chosen.length} shapes at once, ${chosen[0].seconds} s ...\n`);
  const results = await Promise.all(
    chosen.map(async (row) => {
      const reports = await contest(row, names, 1_000 * row.seconds);
      return names.map((name, place) => ({
        row: row.name,
        trouble: row.trouble,
        client: name,
        report: reports[place],
        missed: missedOfLimit(reports[place]),
      }));
    }),
  );
  const flat = results.flat();
  console.log(shapeTable(flat));
  return flat;
}

/** Those that a list with commas names, in their own order; all where there is no list. */
function choose(items, list, nameOf) {
  if (list === undefined) return items;
  const wanted = list.split(',');
  const unknown = wanted.filter((name) => !items.some((item) => nameOf(item) === name));
  if (unknown.length > 0)
    throw new Error(`Unknown: ${unknown.join(', ')}. There are: ${items.map(nameOf).join(', ')}`);
  return items.filter((item) => wanted.includes(nameOf(item)));
}
