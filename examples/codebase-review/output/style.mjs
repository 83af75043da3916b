import { stripVTControlCharacters, styleText } from 'node:util';

/** A painter for one stream: colours on a terminal, plain text in a pipe or with NO_COLOR. */
export function painterFor(stream) {
  return (format, text) => styleText(format, text, { stream });
}

/** A number and its noun: `1 file`, `2 files`. */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** Columns that a text takes. */
export const widthOf = (text) => stripVTControlCharacters(text).length;

/** Cuts a text to a width. Only for text without colours. */
export function cut(text, width) {
  if (text.length <= width) return text;
  return width <= 1 ? text.slice(0, Math.max(0, width)) : `${text.slice(0, width - 1)}…`;
}

/** A text from a file as one line that cannot steer the terminal. */
export function oneLine(text) {
  return text
    .replace(/\s+/g, ' ')
    .replace(/\p{Cc}/gu, '?')
    .trim();
}
