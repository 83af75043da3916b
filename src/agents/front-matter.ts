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

const FENCE = /^---[ \t]*$/;

/**
 * Splits a Markdown file; `undefined` if it has no front matter. Line endings of all kinds become `\n`, so that an agent
 * does not depend on how its file was checked out.
 *
 * @throws {@link AgentFileError} if the front matter has no end.
 */
export function splitFrontMatter(text: string, file: string): FrontMatter | undefined {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  if (!FENCE.test(lines[0] ?? '')) return undefined;
  const end = lines.findIndex((line, index) => index > 0 && FENCE.test(line));
  if (end === -1) {
    throw new AgentFileError(
      file,
      1,
      'the front matter that begins here does not end; close it with a line "---".',
    );
  }
  return {
    yaml: lines.slice(1, end).join('\n'),
    yamlLine: 2,
    body: lines
      .slice(end + 1)
      .join('\n')
      .trim(),
  };
}
