import { stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { count, oneLine } from './style.mjs';
import { agentRows, COLUMNS } from './summary.mjs';
import { markdownTable } from './table.mjs';

// A report is for reading; what is beyond that is counted.
const LISTED = 500;

/** Says what is wrong with a place for the report before the work is done, not after it. */
export async function problemWithReport(file) {
  const isFolder = (path) =>
    stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
  if (await isFolder(file)) return `--report needs the name of a file; "${file}" is a folder.`;
  if (!(await isFolder(dirname(file))))
    return `--report needs a folder that is there; "${dirname(file)}" is not.`;
  return undefined;
}

/** Writes the report as Markdown. */
export async function writeReport(file, facts) {
  await writeFile(file, reportText(facts));
}

/** The report: the table, everything that was found, what went wrong, what was left out, and the summaries. */
function reportText({ root, date, seconds, fileCount, tally, sections, skipped }) {
  const failures = tally
    .rows()
    .flatMap((row) => row.failures.map((failure) => ({ agent: row.name, ...failure })));
  return [
    '# Codebase review',
    `${count(tally.done, 'call')} over ${count(fileCount, 'file')} of ${code(root)} in ${seconds.toFixed(1)} s, on ${date}.`,
    '## Agents',
    markdownTable(COLUMNS, agentRows(tally)),
    'Times are those of the attempts of a call, without waiting and backoff; answers from the cache took none. The first calls also load the parser.',
    'In the column “cached”, “off” marks agents whose answers are not kept.',
    ...sections.flatMap(({ title, items }) => [`## ${title}`, list(items)]),
    '## Timed out and failed',
    list(failures.map(failureItem)),
    '## Skipped files',
    list(skipped.map(({ path, reason }) => ({ place: path, text: reason }))),
    '## Summaries',
    list(summaries(tally)),
    '',
  ].join('\n\n');
}

function failureItem({ agent, path, error, timeout, attempts }) {
  const scope = timeout === undefined ? '' : ` (scope ${timeout.scope}, ${timeout.timeoutMs} ms)`;
  const text = `${agent}: ${(timeout ?? error).name}${scope}, attempts ${attempts}: ${error.message}`;
  return { place: path, text };
}

function summaries(tally) {
  return tally
    .answersOf('summarize')
    .filter(({ data }) => data.kept > 0)
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, output }) => ({ place: path, text: output }));
}

function list(items) {
  if (items.length === 0) return 'None.';
  const lines = items
    .slice(0, LISTED)
    .map(({ place, text }) => `- ${code(place)} ${escapeMarkdown(oneLine(text))}`);
  if (items.length > LISTED) lines.push(`- and ${items.length - LISTED} more`);
  return lines.join('\n');
}

const code = (text) => `\`${oneLine(text).replaceAll('`', "'")}\``;

const escapeMarkdown = (text) => text.replace(/[\\`*_<[\]|]/g, '\\$&');
