import { AgentFileError } from '../errors/agent-file-error.js';

/** A Markdown file taken apart. */
export interface FrontMatter {
  /** What stands between the fences. */
  readonly yaml: string;
  /** The line of the file on which `yaml` begins, from 1. */
  readonly yamlLine: number;
  /** What stands behind them, without white space around it. */
  readonly body: string;
}

const FENCE = /^---[ \t]*$/;

/**
 * Takes a Markdown file apart; `undefined` when it has no front matter. Line ends of every kind are understood
 * and become `\n`, so that an agent is the same whichever way its file was checked out.
 *
 * @throws {@link AgentFileError} when the front matter does not end.
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
