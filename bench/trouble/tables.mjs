// What was measured, as tables.
import { readFileSync } from 'node:fs';
import { table } from '../table.mjs';
import { TITLES } from './clients.mjs';
import { limitFigures } from './verdict.mjs';

/** In place of a figure that was not measured. */
const UNKNOWN = '…';

/** A line for each row and a column for each client: calls answered, seconds, requests. */
export function rowTable(results, names) {
  return table(
    ['trouble', ...names.map((name) => TITLES[name]), 'bars'],
    results.map(({ trouble, reports, missed }) => [
      trouble,
      ...names.map((name) => cellOf(reports[name])),
      names.includes('tutti') ? verdictOf(missed) : '',
    ]),
  );
}

/** A line for each shape of limit and client. */
export function shapeTable(results) {
  return table(
    ['limit', 'client', 'answered', 'failed', 'seconds', 'used', '429s', 'bars'],
    results.map(({ trouble, client, report, missed }) => [
      trouble,
      TITLES[client],
      String(report.answered),
      String(report.failed ?? ''),
      (report.timeMs / 1_000).toFixed(1),
      ...sharesOf(report),
      verdictOf(missed),
    ]),
  );
}

/**
 * The table of rows for a document, from files of `--json`; where several have the same figure, that of the last one.
 *
 * @param {Array<{ name: string, trouble: string }>} rows
 * @param {string[]} names clients; the others keep their columns, without figures
 * @param {string[]} files
 */
export function rowDocument(rows, names, files) {
  const reports = new Map();
  for (const result of files.flatMap(readResults)) {
    if (result.reports !== undefined)
      reports.set(result.row, { ...reports.get(result.row), ...result.reports });
  }
  const clients = Object.keys(TITLES);
  return table(
    ['trouble', ...clients.map((name) => TITLES[name])],
    rows.map(({ name: row, trouble }) => [
      trouble,
      ...clients.map((name) => {
        const report = names.includes(name) ? reports.get(row)?.[name] : undefined;
        return report === undefined ? UNKNOWN : cellOf(report);
      }),
    ]),
  );
}

/** The table of limit shapes for a document, from files of `--shapes --json`: tutti's share used, and of 429s. */
export function shapeDocument(shapes, names, files) {
  const reports = new Map();
  for (const { row, client, report } of files.flatMap(readResults)) {
    if (client === 'tutti') reports.set(row, report);
  }
  return table(
    ['limit', 'used', '429s'],
    shapes.map(({ name, trouble }) => {
      const report = names.includes('tutti') ? reports.get(name) : undefined;
      return [trouble, ...(report === undefined ? [UNKNOWN, UNKNOWN] : sharesOf(report))];
    }),
  );
}

/** Calls answered, seconds until the last one ended, requests. */
export function cellOf({ answered, timeMs, isCapped, requests }) {
  return `${answered} in ${isCapped ? '> ' : ''}${(timeMs / 1_000).toFixed(1)} s, ${requests}`;
}

function sharesOf(report) {
  const { used, rejected } = limitFigures(report);
  return [`${(100 * used).toFixed(1)} %`, `${(100 * rejected).toFixed(2)} %`];
}

function verdictOf(missed) {
  return missed.length === 0 ? 'hold' : `NO: ${missed.join('; ')}`;
}

function readResults(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
