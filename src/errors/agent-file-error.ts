import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/** An agent file or folder cannot be loaded. The message begins with the path, and the line if it is known. */
export class AgentFileError extends TuttiError<'TUTTI_AGENT_FILE'> {
  /** Path of the file or folder. */
  readonly file: string;
  /** The line of the problem, from 1; `undefined` if it concerns the whole file. */
  readonly line: number | undefined;

  constructor(
    file: string,
    line: number | undefined,
    problem: string,
    options: Pick<TuttiErrorOptions, 'cause'> = {},
  ) {
    super('TUTTI_AGENT_FILE', `${file}${line === undefined ? '' : `:${line}`}: ${problem}`, {
      ...options,
      details: { file, line },
    });
    this.file = file;
    this.line = line;
  }
}
