import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/** A file or folder of agents cannot be loaded. The message begins with the file, and the line where it is known. */
export class AgentFileError extends TuttiError {
  /** Path of the file or folder. */
  readonly file: string;
  /** The line that is wrong, from 1; `undefined` when it is the file as a whole. */
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
