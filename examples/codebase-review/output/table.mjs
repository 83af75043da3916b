import { widthOf } from './style.mjs';

const GAP = '  ';

/**
 * A table for the terminal. A column is `{ title, align?, paint? }`; `paint` colours a cell once its width is known.
 * The last column is not padded.
 */
export function renderTable(columns, rows) {
  const widths = columns.map(({ title }, at) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(row[at]))),
  );
  const line = (cells, paintCell) =>
    cells
      .map((cell, at) => paintCell(padded(cell, widths[at], columns[at].align, at === cells.length - 1), at))
      .join(GAP)
      .trimEnd();
  return [
    line(
      columns.map(({ title }) => title),
      (cell) => cell,
    ),
    widths.map((width) => '─'.repeat(width)).join(GAP),
    ...rows.map((row) => line(row, (cell, at) => columns[at].paint?.(cell, row[at]) ?? cell)),
  ].join('\n');
}

function padded(cell, width, align, isLast) {
  const space = ' '.repeat(Math.max(0, width - widthOf(cell)));
  if (align === 'right') return space + cell;
  return isLast ? cell : cell + space;
}

/** A table for Markdown; a column is `{ title, align? }`. */
export function markdownTable(columns, rows) {
  const line = (cells) => `| ${cells.map(escapeCell).join(' | ')} |`;
  return [
    line(columns.map(({ title }) => title)),
    `| ${columns.map(({ align }) => (align === 'right' ? '---:' : '---')).join(' | ')} |`,
    ...rows.map(line),
  ].join('\n');
}

const escapeCell = (text) => text.replace(/\s+/g, ' ').replace(/([\\|<])/g, '\\$1');
