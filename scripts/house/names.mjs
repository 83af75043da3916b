// One name for one thing: no exported name is declared in two files, and no option type exists twice.
import ts from 'typescript';
import { exportedDeclarations, grouped } from './sources.mjs';

/** @param {import('./sources.mjs').Source[]} sources */
export function findNamesDeclaredTwice(sources) {
  const declared = sources.flatMap((source) =>
    [...new Set(exportedDeclarations(source).map(({ name }) => name))].map((name) => ({
      name,
      path: source.path,
    })),
  );
  return [...grouped(declared, ({ name }) => name)]
    .filter(([, places]) => places.length > 1)
    .map(([name, places]) => `${name} is exported by ${places.map(({ path }) => path).join(' and ')}`);
}

const OPTION_TYPE = /^(.+)(Options|Settings|Config)$/;
/** Fewer keys may be the same by chance. */
const FEWEST_KEYS = 2;

/**
 * Pairs of option types with the same keys, or with names that mean the same (`HedgeOptions` and `HedgeSettings`) and
 * mostly the same keys.
 *
 * @param {import('./sources.mjs').Source[]} sources
 */
export function findOptionTypesTwice(sources) {
  const types = sources.flatMap(objectTypes).filter(({ keys }) => keys.size >= FEWEST_KEYS);
  return types
    .flatMap((first, index) => types.slice(index + 1).map((second) => ({ first, second })))
    .filter(({ first, second }) => OPTION_TYPE.test(first.name) || OPTION_TYPE.test(second.name))
    .filter(({ first, second }) => {
      const shared = sharedKeys(first, second);
      return shared === 1 || (shared >= 0.5 && stemOf(first) === stemOf(second));
    })
    .map(({ first, second }) => {
      const keys = [...first.keys].filter((key) => second.keys.has(key));
      return `${first.name} (${first.path}) and ${second.name} (${second.path}) both have ${keys.join(', ')}`;
    });
}

const stemOf = ({ name }) => OPTION_TYPE.exec(name)?.[1] ?? name;

/** The share of the keys of both that both have. */
function sharedKeys(first, second) {
  const shared = [...first.keys].filter((key) => second.keys.has(key)).length;
  return shared / (first.keys.size + second.keys.size - shared);
}

/** The exported types that are objects with keys of their own; what they extend counts as a key. */
function objectTypes(source) {
  return exportedDeclarations(source).flatMap(({ name, node }) => {
    const members = ts.isInterfaceDeclaration(node)
      ? [...(node.heritageClauses ?? []), ...node.members]
      : ts.isTypeAliasDeclaration(node) && ts.isTypeLiteralNode(node.type)
        ? node.type.members
        : undefined;
    if (members === undefined) return [];
    const keys = new Set(members.map((member) => member.name?.getText() ?? member.getText()));
    return [{ name, path: source.path, keys }];
  });
}
