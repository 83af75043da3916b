// The TypeScript parser takes a third of a second to load, so the agents that need it load it on first use.
let loading;

/** The TypeScript compiler API, loaded once. */
export async function loadTypeScript() {
  loading ??= import('typescript').then((module) => module.default);
  return loading;
}

/** Parses JavaScript or TypeScript; a syntax error still gives a tree. */
export function parseSource(ts, text, path = 'source.ts') {
  const name = /\.[cm]?[jt]sx?$/.test(path) ? path : 'source.ts';
  return ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
}

/** Line of a position, from 1. */
export function lineAt(source, position) {
  return source.getLineAndCharacterOfPosition(position).line + 1;
}
