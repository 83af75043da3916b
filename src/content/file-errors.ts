import { fieldOf, messageOf } from '../errors/foreign.js';
import { InvalidArgumentError } from '../errors/input-errors.js';

/** Too many open files, or a disk that is busy: a moment later it may work. */
const TRANSIENT_CODES: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'EIO']);

/** The error for a path that names something else than a file. */
export function notAFile(path: string, field: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `${field}.path`,
    `${field}.path: expected a file; ${JSON.stringify(path)} is none.`,
  );
}

/** The error for a file that could not be read. */
export function unreadable(thrown: unknown, path: string, field: string): Error {
  const code = fieldOf(thrown, 'code');
  if (code === 'TUTTI_INVALID_ARGUMENT') return thrown as Error;
  const message = `${field}.path: ${JSON.stringify(path)} could not be read: ${messageOf(thrown)}.`;
  if (TRANSIENT_CODES.has(code))
    return Object.assign(new Error(message, { cause: thrown }), { retryable: true });
  return new InvalidArgumentError(`${field}.path`, `${message} Check the path and its permissions.`, {
    cause: thrown,
  });
}
