import type { OutputSchemaError } from '../contracts/output-schema.js';

/** More would bury the first, which usually explains the others. */
const MAX_ISSUES = 5;

/** Where and what, one after the other: `items.0.price: expected number; name: …`. Never the value itself. */
export function describeIssues(error: OutputSchemaError): string {
  const shown = error.issues.slice(0, MAX_ISSUES).map((issue) => {
    const path = pathText(issue.path);
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  const hidden = error.issues.length - shown.length;
  return shown.join('; ') + (hidden > 0 ? `; and ${hidden} more` : '');
}

/** A path in the form `items.0.price`; empty for the value as a whole. */
export function pathText(path: ReadonlyArray<PropertyKey>): string {
  return path.map(String).join('.');
}
