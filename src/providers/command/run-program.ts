import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { TextDecoder } from 'node:util';
import {
  exitError,
  notUtf8Error,
  nulInTaskError,
  optionLikeTaskError,
  outputTooLargeError,
  type ProgramExit,
  startError,
} from './command-errors.js';
import type { ResolvedCommandOptions } from './command-options.js';
import { buildEnvironment } from './environment.js';
import { endProcessGroup } from './process-group.js';
import { forgetRunning, noteRunning } from './running-programs.js';
import { TextTail } from './text-tail.js';

/** As much of standard error as an error message can carry and a person will read. */
const STDERR_TAIL_BYTES = 4_096;

/**
 * Runs a program on a task and yields what it writes, piece by piece, only as fast as it is read. The program
 * and everything it started have ended when this ends, however it ends.
 *
 * @throws the signal's reason when it is aborted; a `ProviderError` when the program cannot be started, fails,
 * writes too much or writes no text.
 */
export async function* runProgram(
  task: string,
  options: ResolvedCommandOptions,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  signal.throwIfAborted();
  const args = argumentsFor(task, options);
  const program = await startProgram(args, options);
  const { child, exit, stderr } = program;
  // Wakes the reader below; the program itself is ended in `finally`, where it can be waited for.
  const stopReading = () => program.stdout.destroy();
  signal.addEventListener('abort', stopReading, { once: true });
  try {
    if (signal.aborted) stopReading();
    if (options.input === 'stdin') giveTask(child, task);
    yield* decode(program.stdout, options);
    const ended = await exit;
    signal.throwIfAborted();
    if (ended.exitCode !== 0) throw exitError(options.file, ended, stderr.text());
  } catch (error) {
    // Reading stops with an error of the stream's own; the reason is the signal's.
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stopReading);
    await program.end();
    forgetRunning(child);
  }
}

/** A task as an argument must not be able to pass for an option. */
function argumentsFor(task: string, options: ResolvedCommandOptions): readonly string[] {
  const { args, input } = options;
  if (input === 'stdin') return args;
  if (task.includes('\0')) throw nulInTaskError(options);
  if (task.startsWith('-') && args.at(-1) !== '--') throw optionLikeTaskError(options);
  return [...args, task];
}

interface Program {
  readonly child: ChildProcess;
  readonly stdout: Readable;
  readonly stderr: TextTail;
  readonly exit: Promise<ProgramExit>;
  /** Ends the program and what it started. Twice is once: its process id may be another's by then. */
  end(): Promise<void>;
}

async function startProgram(args: readonly string[], options: ResolvedCommandOptions): Promise<Program> {
  const child = spawnProgram(args, options);
  const stderr = new TextTail(STDERR_TAIL_BYTES);
  child.stderr?.on('data', (chunk: Uint8Array) => stderr.add(chunk));
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= endProcessGroup(child, options.killGraceMs);
    return ending;
  };
  const exit = new Promise<ProgramExit>((resolve) => {
    child.once('exit', (exitCode, signal) => {
      resolve({ exitCode, signal });
      // What it left running may hold its output open for ever.
      void end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.on('error', (cause) => reject(startError(options.file, cause)));
  });
  noteRunning(child);
  return { child, stdout: child.stdout as Readable, stderr, exit, end };
}

function spawnProgram(args: readonly string[], options: ResolvedCommandOptions): ChildProcess {
  try {
    return spawn(options.file, args, {
      cwd: options.cwd,
      env: buildEnvironment(options),
      shell: false,
      // A process group of its own, so that its children can be ended with it.
      detached: process.platform !== 'win32',
      windowsHide: true,
      stdio: [options.input === 'stdin' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
  } catch (cause) {
    throw startError(options.file, cause);
  }
}

function giveTask(child: ChildProcess, task: string): void {
  // A program may answer without reading its input to the end; whether it worked is told by its exit code.
  child.stdin?.on('error', () => {});
  child.stdin?.end(task);
}

async function* decode(
  stdout: Readable,
  options: ResolvedCommandOptions,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let takenBytes = 0;
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    takenBytes += chunk.length;
    if (takenBytes > options.maxOutputBytes) throw outputTooLargeError(options);
    const text = decodeChunk(decoder, chunk, options);
    if (text !== '') yield text;
  }
  const rest = decodeChunk(decoder, undefined, options);
  if (rest !== '') yield rest;
}

function decodeChunk(
  decoder: TextDecoder,
  chunk: Buffer | undefined,
  options: ResolvedCommandOptions,
): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch (cause) {
    throw notUtf8Error(options, cause);
  }
}
