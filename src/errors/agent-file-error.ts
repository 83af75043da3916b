import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/** An agent file or folder cannot be loaded. The message begins with the path, and the line if it is known. */
export class AgentFileError extends TuttiError<'TUTTI_AGENT_FILE'> {
  /** Path of the file or folder. */
  readonly file: string;
  /** The line of the problem, from 1; `undefined` if it concerns the whole file. */
  readonly line: number | undefined;
  /** The problem of each file, if several cannot be loaded. */
  readonly errors?: readonly AgentFileError[];

  constructor(
    file: string,
    line: number | undefined,
    problem: string,
    options: Pick<TuttiErrorOptions, 'cause'> & { errors?: readonly AgentFileError[] } = {},
  ) {
    super('TUTTI_AGENT_FILE', `${file}${line === undefined ? '' : `:${line}`}: ${problem}`, {
      ...('cause' in options ? { cause: options.cause } : {}),
      details: { file, line },
    });
    this.file = file;
    this.line = line;
    if (options.errors !== undefined) this.errors = options.errors;
  }

  /** One error for all problems of some folders. */
  static combine(directory: string, errors: readonly AgentFileError[]): AgentFileError {
    const [first, ...others] = errors;
    if (first !== undefined && others.length === 0) return first;
    const list = errors.map(({ message }) => `\n- ${message}`).join('');
    return new AgentFileError(directory, undefined, `${errors.length} files cannot be loaded:${list}`, {
      errors,
    });
  }
}
