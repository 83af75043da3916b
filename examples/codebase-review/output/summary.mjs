import { headlineOf } from './headlines.mjs';
import { cut, oneLine } from './style.mjs';
import { renderTable } from './table.mjs';

const FALLBACK_COLUMNS = 120;
const LEAST_HEADLINE = 24;
const SHOWN_PER_SECTION = 4;

/** The columns of the table of agents, for the terminal and the report alike. */
export const COLUMNS = [
  { title: 'agent' },
  { title: 'calls', align: 'right' },
  { title: 'ok', align: 'right' },
  { title: 'failed', align: 'right' },
  { title: 'timed out', align: 'right' },
  { title: 'retried', align: 'right' },
  { title: 'mean ms', align: 'right' },
  { title: 'p95 ms', align: 'right' },
  { title: 'headline' },
];

/** One row of cells an agent. */
export function agentRows(tally) {
  return tally
    .rows()
    .map((row) => [
      row.name,
      String(row.calls),
      String(row.ok),
      String(row.failed),
      String(row.timedOut),
      String(row.retried),
      row.meanMs.toFixed(1),
      row.p95Ms.toFixed(1),
      oneLine(headlineOf(row)),
    ]);
}

/** The table of agents as wide as the terminal. */
export function agentTable(tally, paint, columns = FALLBACK_COLUMNS) {
  const rows = agentRows(tally);
  const bright = (format) => (cell, value) => (value === '0' ? cell : paint(format, cell));
  const paints = [
    (cell) => paint('bold', cell),
    undefined,
    bright('green'),
    bright('red'),
    bright('red'),
    bright('yellow'),
  ];
  const painted = COLUMNS.map((column, at) => ({ ...column, paint: paints[at] }));
  const numbers = COLUMNS.slice(0, -1).map(({ title }, at) =>
    Math.max(title.length, ...rows.map((row) => row[at].length)),
  );
  const room = Math.max(LEAST_HEADLINE, columns - numbers.reduce((sum, width) => sum + width + 2, 0));
  return renderTable(
    painted,
    rows.map((row) => [...row.slice(0, -1), cut(row.at(-1), room)]),
  );
}

/** The findings, a few lines a section. */
export function findingsText(sections, paint, columns = FALLBACK_COLUMNS) {
  return sections.map((section) => sectionText(section, paint, columns)).join('\n');
}

function sectionText({ title, items }, paint, columns) {
  if (items.length === 0) return `${paint('bold', title)}: none`;
  const shown = items.slice(0, SHOWN_PER_SECTION).map((item) => `  ${cut(oneLine(item), columns - 2)}`);
  const more = items.length - shown.length;
  return [
    `${paint('bold', title)} (${items.length})`,
    ...shown,
    ...(more > 0 ? [paint('dim', `  and ${more} more in the report`)] : []),
  ].join('\n');
}
