import { InvalidArgumentError } from '../../errors/input-errors.js';
import { expectFunction, expectObject, expectOneOf, expectWholeNumber } from '../../input/checks.js';
import { MAX_TIMER_MS } from '../../time/clock.js';
import { AGENT_SETTINGS, type AgentSettings } from '../agent-settings.js';
import { checkOptions, type OptionChecks } from '../check-options.js';

/** Which program answers, and how it is run. */
export interface CommandOptions<Name extends string = string, Data = unknown>
  extends AgentSettings<Name, Data> {
  /** The program: a name that is looked up in `PATH`, or a path. Started directly, never through a shell. */
  file: string;
  /** Its arguments; each arrives as it is, whatever characters it holds. @default [] */
  args?: readonly string[] | undefined;
  /**
   * How the program gets the task: on its standard input, or as its last argument.
   *
   * As an argument, a task that begins with `-` is refused, because the program could take it for an option,
   * unless `args` ends with `'--'`. Systems limit an argument's length (128 KiB on Linux).
   *
   * @default 'stdin'
   */
  input?: 'stdin' | 'argument' | undefined;
  /**
   * How the program gets the files of a task. As `arguments`: their absolute paths, after `args` and before the task;
   * a file that was not given as a path is written to a folder of its own until the program has ended. On `stdin`:
   * their bytes, one file after the other, behind the task and a line break if the task goes there too.
   *
   * @default none: a task with files is refused
   */
  files?: 'arguments' | 'stdin' | undefined;
  /**
   * Environment variables for the program, on top of what it inherits; `undefined` removes one.
   *
   * @default {}
   */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * What the program inherits of our environment: `basic` is what programs need to run at all (`PATH`, `HOME`,
   * language, time zone, folders for temporary files), `all` is everything, keys and passwords included.
   *
   * @default 'basic'
   */
  inheritEnv?: 'basic' | 'all' | undefined;
  /** Folder the program runs in. @default the current one, when the program starts */
  cwd?: string | undefined;
  /** Longest standard output that is taken, in bytes; one more ends the program with an error. @default 67_108_864 (64 MiB) */
  maxOutputBytes?: number | undefined;
  /**
   * Whether the output of a program that ended with exit code 0 is a failure: `true`, or a text that says why. Some
   * programs write their errors to standard output and report success. The output is then not streamed as it is written
   * but in one piece, once it has been judged.
   *
   * @default no output is a failure
   */
  isFailure?: ((output: string) => boolean | string) | undefined;
  /**
   * Time between asking the program and all its children to end (SIGTERM) and ending them (SIGKILL), in milliseconds.
   *
   * @default 2_000
   */
  killGraceMs?: number | undefined;
}

/** {@link CommandOptions} with every default filled in. */
export interface ResolvedCommandOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly input: 'stdin' | 'argument';
  readonly files: 'arguments' | 'stdin' | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly inheritEnv: 'basic' | 'all';
  readonly cwd: string | undefined;
  readonly maxOutputBytes: number;
  readonly isFailure: ((output: string) => boolean | string) | undefined;
  readonly killGraceMs: number;
}

// Node refuses it when the program starts, with an error that does not say which text it is.
const isArgument = (value: unknown): boolean => typeof value === 'string' && !value.includes('\0');

const CHECKS: OptionChecks = {
  ...AGENT_SETTINGS,
  file: (value) => (isArgument(value) && value !== '' ? undefined : 'a program, for instance "python3"'),
  args: (value) =>
    Array.isArray(value) && value.every(isArgument)
      ? undefined
      : 'an array of strings without NUL characters',
  input: expectOneOf('stdin', 'argument'),
  files: expectOneOf('arguments', 'stdin'),
  env: (value) => {
    const isRecord = expectObject(value) === undefined;
    const fits =
      isRecord && Object.values(value as object).every((text) => text === undefined || isArgument(text));
    return fits ? undefined : 'an object of strings without NUL characters';
  },
  inheritEnv: expectOneOf('basic', 'all'),
  cwd: (value) => (isArgument(value) && value !== '' ? undefined : 'a folder'),
  maxOutputBytes: expectWholeNumber(1, Number.MAX_SAFE_INTEGER),
  isFailure: expectFunction,
  killGraceMs: expectWholeNumber(0, MAX_TIMER_MS),
};

/** Checks the options and fills in their defaults. */
export function resolveCommandOptions(options: CommandOptions): ResolvedCommandOptions {
  checkOptions('command', options, CHECKS);
  if (options.file === undefined) {
    throw new InvalidArgumentError(
      'options.file',
      'command needs a program to run: command({ file: "python3" }).',
    );
  }
  return {
    file: options.file,
    args: [...(options.args ?? [])],
    input: options.input ?? 'stdin',
    files: options.files,
    env: { ...options.env },
    inheritEnv: options.inheritEnv ?? 'basic',
    cwd: options.cwd,
    maxOutputBytes: options.maxOutputBytes ?? 64 * 1024 * 1024,
    isFailure: options.isFailure,
    killGraceMs: options.killGraceMs ?? 2_000,
  };
}
