import { headlineOf } from './headlines.mjs';
import { cut, oneLine } from './style.mjs';
import { renderTable } from './table.mjs';

const FALLBACK_COLUMNS = 132;
const LEAST_HEADLINE = 40;
const SHOWN_PER_SECTION = 4;

/** The columns of the table of agents, for the terminal and the report alike. */
export const COLUMNS = [
  { title: 'agent' },
  { title: 'calls', align: 'right' },
  { title: 'ok', align: 'right' },
  { title: 'failed', align: 'right' },
  { title: 'timeout', align: 'right' },
  { title: 'retried', align: 'right' },
  { title: 'cached', align: 'right' },
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
      row.isCacheable ? String(row.cached) : 'off',
      row.meanMs.toFixed(1),
      row.p95Ms.toFixed(1),
      oneLine(headlineOf(row)),
    ]);
}

/** The table of agents; where the terminal is too narrow for the headlines beside it, they follow below it. */
export function agentTable(tally, paint, columns = FALLBACK_COLUMNS) {
  const rows = agentRows(tally);
  const numbersWidth = COLUMNS.slice(0, -1).reduce((sum, _, at) => sum + columnWidth(rows, at) + 2, 0);
  if (columns - numbersWidth >= LEAST_HEADLINE) return tableOf(COLUMNS, rows, paint, columns - numbersWidth);
  const name = columnWidth(rows, 0) + 2;
  return [
    tableOf(
      COLUMNS.slice(0, -1),
      rows.map((row) => row.slice(0, -1)),
      paint,
    ),
    tableOf(
      [COLUMNS.at(0), COLUMNS.at(-1)],
      rows.map((row) => [row.at(0), row.at(-1)]),
      paint,
      columns - name,
    ),
  ].join('\n\n');
}

const columnWidth = (rows, at) => Math.max(COLUMNS[at].title.length, ...rows.map((row) => row[at].length));

function tableOf(columns, rows, paint, headlineWidth) {
  const painted = columns.map((column) => ({ ...column, paint: painterOf(column.title, paint) }));
  if (headlineWidth === undefined) return renderTable(painted, rows);
  return renderTable(
    painted,
    rows.map((row) => [...row.slice(0, -1), cut(row.at(-1), headlineWidth)]),
  );
}

const COLOURS = { ok: 'green', failed: 'red', timeout: 'red', retried: 'yellow', cached: 'green' };

// A zero is no news and gets no colour, nor does a cache that is off.
function painterOf(title, paint) {
  if (title === 'agent') return (cell) => paint('bold', cell);
  const colour = COLOURS[title];
  return colour && ((cell, value) => (value === '0' || value === 'off' ? cell : paint(colour, cell)));
}

/** The findings, a few lines a section. */
export function findingsText(sections, paint, columns = FALLBACK_COLUMNS) {
  return sections.map((section) => sectionText(section, paint, columns)).join('\n');
}

function sectionText({ title, items }, paint, columns) {
  if (items.length === 0) return `${paint('bold', title)}: none`;
  const shown = items
    .slice(0, SHOWN_PER_SECTION)
    .map(({ place, text }) => `  ${cut(`${oneLine(place)}  ${oneLine(text)}`, columns - 2)}`);
  const more = items.length - shown.length;
  return [
    `${paint('bold', title)} (${items.length})`,
    ...shown,
    ...(more > 0 ? [paint('dim', `  and ${more} more in the report`)] : []),
  ].join('\n');
}
