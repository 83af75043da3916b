import { lineAt, loadTypeScript, parseSource } from './typescript-ast.mjs';

/** Every comment of a source file as `{ line, text }`, with the comment signs taken off and its lines kept. */
export async function sourceComments(text, path) {
  const ts = await loadTypeScript();
  const source = parseSource(ts, text, path);
  return commentRanges(text, literalRanges(ts, source)).map(([start, end]) => ({
    line: lineAt(source, start),
    text: withoutSigns(text.slice(start, end)),
  }));
}

// Strings, templates, regular expressions and JSX text may hold `//` without it being a comment.
function literalRanges(ts, source) {
  const ranges = [];
  const visit = (node) => {
    if (ts.isLiteralExpression(node) || ts.isTemplateLiteralToken(node) || ts.isJsxText(node)) {
      ranges.push([node.getStart(source), node.getEnd()]);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return ranges.sort((a, b) => a[0] - b[0]);
}

function commentRanges(text, literals) {
  const opening = /\/\/|\/\*/g;
  const ranges = [];
  let next = 0;
  for (let match = opening.exec(text); match !== null; match = opening.exec(text)) {
    while (next < literals.length && literals[next][1] <= match.index) next++;
    const literal = literals[next];
    if (literal !== undefined && literal[0] <= match.index) {
      opening.lastIndex = literal[1];
      continue;
    }
    const end = commentEnd(text, match.index, match[0]);
    ranges.push([match.index, end]);
    opening.lastIndex = end;
  }
  return ranges;
}

function commentEnd(text, start, sign) {
  const closing = sign === '//' ? '\n' : '*/';
  const at = text.indexOf(closing, start + 2);
  if (at === -1) return text.length;
  return sign === '//' ? at : at + 2;
}

function withoutSigns(comment) {
  return comment
    .replace(/^\/\*+|\*+\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*(?:\/\/+|\*(?!\*))?\s?/, '').trimEnd())
    .join('\n');
}
