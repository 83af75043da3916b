import type { OutputSchemaError } from '../contracts/output-schema.js';

/** More issues would hide the first, which usually explains the others. */
const MAX_ISSUES = 5;

/** The issues in one line, with their paths: `items.0.price: expected number; name: …`. Never contains the value. */
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
