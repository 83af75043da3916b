import { type Document, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { AgentFileError } from '../errors/agent-file-error.js';
import { repairFrontMatter } from './repair-front-matter.js';

/** Data read from a file, with the lines of its parts. */
export interface LinedData {
  readonly value: unknown;
  /** The line, from 1, of the value at a path, or of its nearest existing parent. */
  lineOf(path: ReadonlyArray<PropertyKey>): number | undefined;
}

/**
 * Reads YAML, but only plain data: no tags, no aliases (a few lines of them can expand to gigabytes), no key that
 * changes an object's prototype.
 *
 * @param firstLine The line of the file on which the text begins.
 * @throws {@link AgentFileError} with the line of the first problem.
 */
export function readYaml(text: string, file: string, firstLine = 1): LinedData {
  refuseSlowYaml(text, file, firstLine);
  const strict = parse(text);
  // Many existing agent files have text in them that is not valid YAML.
  const { document, lines } = isPlain(strict.document) ? strict : parse(repairFrontMatter(text, isValid));
  const lineAt = (offset: number | undefined) =>
    offset === undefined ? undefined : lines.linePos(offset).line + firstLine - 1;
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    throw new AgentFileError(file, lineAt(problem.pos[0]), firstLineOf(problem.message), { cause: problem });
  }
  refuseDangerousNodes(document, (offset, what) => {
    throw new AgentFileError(file, lineAt(offset), what);
  });
  return { value: document.toJS({ maxAliasCount: 0 }), lineOf: (path) => lineAt(offsetOf(document, path)) };
}

/** Longer texts take the parser too long: its time grows with the square of keys and depth. */
export const MAX_YAML_CHARS = 64 * 1024;
const MAX_NESTING = 100;
const NESTED_IN_A_LINE = /^(?:[ \t]*[-?][ \t]){100}/m;

function refuseSlowYaml(text: string, file: string, firstLine: number): void {
  if (text.length > MAX_YAML_CHARS) {
    throw new AgentFileError(
      file,
      firstLine,
      `the front matter has ${text.length} characters; at most ${MAX_YAML_CHARS} are allowed. Move long text to the body.`,
    );
  }
  let depth = 0;
  for (const char of text) {
    if (char === '[' || char === '{') depth += 1;
    else if ((char === ']' || char === '}') && depth > 0) depth -= 1;
    if (depth > MAX_NESTING) break;
  }
  if (depth > MAX_NESTING || NESTED_IN_A_LINE.test(text)) {
    throw new AgentFileError(
      file,
      firstLine,
      `the front matter is nested more than ${MAX_NESTING} levels deep.`,
    );
  }
}

function parse(text: string): { document: Document; lines: LineCounter } {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter: lines,
  });
  return { document, lines };
}

function isValid(yaml: string): boolean {
  return isPlain(parse(yaml).document);
}

/** Whether a document is valid and has no aliases. */
function isPlain(document: Document): boolean {
  if (document.errors.length + document.warnings.length > 0) return false;
  let hasAlias = false;
  visit(document, {
    Alias: () => {
      hasAlias = true;
      return visit.BREAK;
    },
  });
  return !hasAlias;
}

function refuseDangerousNodes(
  document: Document,
  refuse: (offset: number | undefined, what: string) => never,
): void {
  visit(document, {
    Alias: (_key, node) => refuse(node.range?.[0], 'aliases (*name) are not supported; write the value out.'),
    Pair: (_key, pair) => {
      if (!isScalar(pair.key)) return refuse(undefined, 'keys must be plain text.');
      if (pair.key.value === '__proto__') refuse(pair.key.range?.[0], '"__proto__" is not allowed as a key.');
    },
  });
}

/** The offset of the value at a path, or of its nearest existing parent. */
export function offsetOf(document: Document, path: ReadonlyArray<PropertyKey>): number | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const part = path.slice(0, length);
    const parent = length === 1 ? document.contents : document.getIn(part.slice(0, -1), true);
    const offset = offsetIn(parent, part.at(-1) as PropertyKey);
    if (offset !== undefined) return offset;
  }
  return document.contents?.range?.[0];
}

/** The offset of the key, since the value may be empty. */
function offsetIn(parent: unknown, key: PropertyKey): number | undefined {
  const items = (parent as { items?: readonly unknown[] } | null | undefined)?.items ?? [];
  for (const [index, item] of items.entries()) {
    if (isPair(item)) {
      if (isScalar(item.key) && String(item.key.value) === String(key)) return item.key.range?.[0];
    } else if (index === key) {
      return (item as { range?: readonly number[] }).range?.[0];
    }
  }
  return undefined;
}

function firstLineOf(message: string): string {
  return (message.split('\n')[0] as string).replace(/:$/, '');
}
