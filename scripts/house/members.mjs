// Members of classes that no source but their own class names. knip finds exports that are not used, not members.
import ts from 'typescript';
import { exportedDeclarations, grouped, placeOf, walk } from './sources.mjs';

/**
 * @param {import('./sources.mjs').Source[]} sources
 * @param {ReadonlySet<string>} publicNames Classes that users have.
 */
export function findUnusedMembers(sources, publicNames) {
  const uses = grouped(sources.flatMap(namesUsed), ({ name }) => name);
  return sources
    .flatMap((source) =>
      exportedDeclarations(source).flatMap(({ name, node }) =>
        ts.isClassDeclaration(node) && !publicNames.has(name) ? ownMembers(source, name, node) : [],
      ),
    )
    .filter(({ member, node }) => !(uses.get(member) ?? []).some((use) => !isWithin(use.node, node)))
    .map(
      ({ source, className, member, node }) => `${placeOf(source, node)}: ${className}.${member} is not used`,
    );
}

/** The members of a class that others may use and that no interface or parent demands. */
function ownMembers(source, className, node) {
  if (node.heritageClauses !== undefined) return [];
  return node.members
    .filter((member) => member.name !== undefined && ts.isIdentifier(member.name))
    .map((member) => ({ source, className, member: member.name.text, node: member }));
}

/** Every place that names a property. */
function namesUsed({ tree }) {
  const found = [];
  walk(tree, (node) => {
    if (ts.isPropertyAccessExpression(node)) found.push({ name: node.name.text, node });
    else if (ts.isBindingElement(node))
      found.push({ name: (node.propertyName ?? node.name).getText(), node });
  });
  return found;
}

function isWithin(node, ancestor) {
  return (
    node.getSourceFile() === ancestor.getSourceFile() && node.pos >= ancestor.pos && node.end <= ancestor.end
  );
}
