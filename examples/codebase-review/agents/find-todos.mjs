import { isMarkdown } from '../text/prose.mjs';
import { sourceComments } from '../text/source-comments.mjs';
import { giveWay } from './give-way.mjs';

// A marker stands at the start of a line, a list item or after a dash, in capitals: `TODO: …`, `FIXME(anna) …`.
const MARKER = /^(?:[-*+>#\s]|\[[ x]\])*(TODO|FIXME|HACK|XXX|BUG)\b(?:\(([^)]*)\))?\s*[:\-–—]?\s*(.*)$/;

/** Finds TODO, FIXME, HACK, XXX and BUG notes: in the comments of a source file, or in the lines of a document. */
export async function findTodos(task, { params }) {
  await giveWay();
  const blocks = isMarkdown(params.path)
    ? [{ line: 1, text: withoutFences(task) }]
    : await sourceComments(task, params.path);
  const todos = blocks.flatMap(notesIn);
  const output = todos.map(({ kind, line, text }) => `${kind} line ${line}: ${text}`).join('\n');
  return { output: output || 'No open notes.', data: { todos } };
}

function notesIn({ line, text }) {
  return text.split('\n').flatMap((content, offset) => {
    const match = MARKER.exec(content.trim());
    if (match === null) return [];
    const [, kind, owner, note] = match;
    return [{ kind, line: line + offset, text: note.trim() || '(no text)', ...(owner ? { owner } : {}) }];
  });
}

// What a document shows in a code block is an example, not a note; line numbers stay.
function withoutFences(text) {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, (block) => block.replace(/[^\n]/g, ''));
}
