import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/** A file of JSON lines cannot be read or written. The message begins with the path, and the line if it is known. */
export class JsonlFileError extends TuttiError<'TUTTI_JSONL_FILE'> {
  /** Path of the file. */
  readonly file: string;
  /** The line of the problem, from 1; `undefined` if it concerns the whole file. */
  readonly line: number | undefined;

  constructor(
    file: string,
    line: number | undefined,
    problem: string,
    options: Pick<TuttiErrorOptions, 'cause'> = {},
  ) {
    super('TUTTI_JSONL_FILE', `${file}${line === undefined ? '' : `:${line}`}: ${problem}`, {
      ...options,
      details: { file, line },
    });
    this.file = file;
    this.line = line;
  }
}
