// The sources as the checks of the house see them: parsed, without types, which takes a second for all of them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** @typedef {{ path: string, text: string, tree: import('typescript').SourceFile }} Source */

/**
 * Every TypeScript file below a folder.
 *
 * @param {string} root The folder that holds `src` and `tests`.
 * @param {string} folder `src` or `tests`.
 * @returns {Source[]}
 */
export function readSources(root, folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
    });
}

/** Calls `visit` with every node of a tree, parents first. */
export function walk(node, visit) {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** The statements of a file that declare something under `export`, each with its name. */
export function exportedDeclarations({ tree }) {
  return tree.statements.filter(isExported).flatMap((statement) => {
    if (!ts.isVariableStatement(statement)) return [{ name: statement.name?.text, node: statement }];
    return statement.declarationList.declarations.map((node) => ({ name: node.name.text, node }));
  });
}

function isExported(statement) {
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
}

/** Where a node stands, for instance `src/index.ts:12`. */
export function placeOf({ path, tree }, node) {
  return `${path}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}

/** Values of a map under the keys that `keyOf` gives. */
export function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}

/** Everything that an index.ts hands on: what users have. */
export function publicNames(sources) {
  const indexes = sources.filter(({ path }) => path.endsWith('/index.ts'));
  const exported = indexes.flatMap(({ tree }) => tree.statements.filter(ts.isExportDeclaration));
  return new Set(exported.flatMap(({ exportClause }) => exportClause.elements.map(({ name }) => name.text)));
}
