import {
  type ProviderError,
  type ProviderErrorOptions,
  ProviderOverloadedError,
  ProviderRequestError,
  ProviderResponseError,
} from '../../errors/provider-errors.js';
import { withoutSecrets } from '../../errors/redact.js';
import type { ResolvedCommandOptions } from './command-options.js';

const PROVIDER = 'command';

/** How a program ended. */
export interface ProgramExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The error for a program that ended with anything but exit code 0. */
export function exitError(
  file: string,
  { exitCode, signal }: ProgramExit,
  stderr: string,
): ProviderResponseError {
  const how = exitCode === null ? `was ended by ${signal}` : `failed with exit code ${exitCode}`;
  const said = stderr === '' ? '; it wrote nothing to standard error.' : `:\n${stderr}`;
  return new ProviderResponseError(`Program "${file}" ${how}${said}`, {
    provider: PROVIDER,
    details: { file, exitCode, signal, stderr },
  });
}

/** As much of the output as a person will read. */
const MAX_SAID_CHARS = 500;

/** The error for output that `isFailure` takes for a failure. */
export function judgedError(file: string, output: string, reason: boolean | string): ProviderResponseError {
  const said = typeof reason === 'string' ? reason : withoutSecrets(output.trim()).slice(0, MAX_SAID_CHARS);
  return new ProviderResponseError(
    `Program "${file}" ended with exit code 0, but its output is a failure: ${said === '' ? 'it is empty' : said}`,
    { provider: PROVIDER, details: { file, exitCode: 0 } },
  );
}

/** What to say for each way in which a program cannot be started. */
const START_HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'it was not found, or the folder in `cwd` does not exist; check the name, PATH and cwd',
  ENOTDIR: 'a part of its path, or `cwd`, is not a folder',
  EACCES: 'it may not be executed, or `cwd` may not be entered; check its permissions',
  E2BIG: "the task is too long for an argument; use input: 'stdin'",
  EINVAL:
    'the system does not run such a file directly; on Windows name the .exe, or run .cmd files by cmd.exe',
};

/** Lack of processes, memory or file handles is transient. */
const TRANSIENT = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE', 'ETXTBSY']);

/** The error for a program that could not be started. */
export function startError(file: string, cause: unknown): ProviderError {
  const code = String((cause as { code?: unknown } | null)?.code);
  const options: ProviderErrorOptions = { provider: PROVIDER, details: { file, code }, cause };
  if (TRANSIENT.has(code)) {
    return new ProviderOverloadedError(`Program "${file}" could not be started for now (${code}).`, options);
  }
  const hint = START_HINTS[code] ?? 'the system refused';
  return new ProviderRequestError(`Program "${file}" could not be started: ${hint} (${code}).`, options);
}

/** The error for a task that the program could take for an option. */
export function optionLikeTaskError({ file }: ResolvedCommandOptions): ProviderRequestError {
  return new ProviderRequestError(
    `The task begins with "-", so program "${file}" could take it for an option. Use input: 'stdin', or end args ` +
      "with '--' if the program knows it as the end of its options.",
    { provider: PROVIDER, details: { file } },
  );
}

/** The error for a task that no argument can hold. */
export function nulInTaskError({ file }: ResolvedCommandOptions): ProviderRequestError {
  return new ProviderRequestError(
    "The task holds a NUL character, which no argument can carry. Use input: 'stdin'.",
    { provider: PROVIDER, details: { file } },
  );
}

/** The error for a program that writes too much. */
export function outputTooLargeError({ file, maxOutputBytes }: ResolvedCommandOptions): ProviderResponseError {
  return new ProviderResponseError(
    `Program "${file}" wrote more than maxOutputBytes (${maxOutputBytes}) and was ended; raise it if answers may be that long.`,
    { provider: PROVIDER, details: { file, maxOutputBytes } },
  );
}

/** The error for output that is not text. */
export function notUtf8Error({ file }: ResolvedCommandOptions, cause: unknown): ProviderResponseError {
  return new ProviderResponseError(`Program "${file}" wrote bytes that are not UTF-8.`, {
    provider: PROVIDER,
    details: { file },
    cause,
  });
}
