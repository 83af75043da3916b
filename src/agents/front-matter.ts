import { AgentFileError } from '../errors/agent-file-error.js';

/** The parts of a Markdown file. */
export interface FrontMatter {
  /** The text between the fences. */
  readonly yaml: string;
  /** The line of the file on which `yaml` begins, from 1. */
  readonly yamlLine: number;
  /** The text after them, trimmed. */
  readonly body: string;
}

const FENCE = /^-{3,}[ \t]*$/;

/**
 * Splits a Markdown file; `undefined` if it has no front matter. Line endings of all kinds become `\n`, so that an agent
 * does not depend on how its file was checked out. Empty lines before the front matter, longer fences, and front matter
 * that is indented as a whole are accepted.
 *
 * @throws {@link AgentFileError} if the front matter has no end.
 */
export function splitFrontMatter(text: string, file: string): FrontMatter | undefined {
  const written = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  const start = written.findIndex((line) => line.trim() !== '');
  const indent = /^[ \t]*/.exec(written[start] ?? '')?.[0] ?? '';
  const lines = written.map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
  if (!FENCE.test(lines[start] ?? '')) return undefined;
  const end = lines.findIndex((line, index) => index > start && FENCE.test(line));
  if (end === -1) {
    throw new AgentFileError(
      file,
      start + 1,
      'the front matter that begins here does not end; close it with a line "---".',
    );
  }
  return {
    yaml: lines.slice(start + 1, end).join('\n'),
    yamlLine: start + 2,
    body: written
      .slice(end + 1)
      .join('\n')
      .trim(),
  };
}
