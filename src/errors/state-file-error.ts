import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/** What is wrong with a state file: see {@link StateFileError}. */
export type StateFileProblem = 'missing' | 'not-json' | 'invalid' | 'unreadable' | 'unwritable';

/** Where in a state file a problem is. */
export interface StateFilePlace {
  /** The line, from 1. */
  line?: number | undefined;
  /** Path of the field that does not match the schema. */
  field?: string | undefined;
}

/**
 * A state file cannot be read or written, or its content is not what the schema demands. The message begins with the
 * path, and the line if it is known. The last valid state stays in use.
 */
export class StateFileError extends TuttiError<'TUTTI_STATE_FILE'> {
  /** What kind of problem it is. */
  readonly problem: StateFileProblem;
  /** Path of the file. */
  readonly file: string;
  /** The line of the problem, from 1; `undefined` if it concerns the whole file or is not known. */
  readonly line: number | undefined;
  /** Path of the field that does not match the schema; `undefined` for every other problem. */
  readonly field: string | undefined;

  constructor(
    problem: StateFileProblem,
    file: string,
    message: string,
    { line, field, ...options }: StateFilePlace & Pick<TuttiErrorOptions, 'cause'> = {},
  ) {
    super('TUTTI_STATE_FILE', `${file}${line === undefined ? '' : `:${line}`}: ${message}`, {
      ...options,
      details: { problem, file, line, field },
    });
    this.problem = problem;
    this.file = file;
    this.line = line;
    this.field = field;
  }
}
