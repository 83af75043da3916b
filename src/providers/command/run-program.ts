import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { TextDecoder } from 'node:util';
import type { ProviderRequest } from '../../contracts/provider.js';
import type { Logger } from '../../logging/logger.js';
import { systemClock } from '../../time/clock.js';
import {
  exitError,
  notUtf8Error,
  outputTooLargeError,
  type ProgramExit,
  startError,
} from './command-errors.js';
import type { ResolvedCommandOptions } from './command-options.js';
import { endProgram, type StartedProgram } from './end-program.js';
import { buildEnvironment } from './environment.js';
import { type ProgramInput, prepareInput } from './program-input.js';
import { createMarker, markEnvironment } from './program-marker.js';
import { expectProgram, forgetRunning, noteRunning, stopWatcherLater } from './running-programs.js';
import { TextTail } from './text-tail.js';

/** As much of standard error as an error message can carry and a person will read. */
const STDERR_TAIL_BYTES = 4_096;

/** The programs of one agent that are running. */
export type RunningPrograms = Set<{ end(): Promise<unknown> }>;

/**
 * Runs a program on a task and yields what it writes, piece by piece, only as fast as it is read. The program and
 * everything it started have ended when this ends, however it ends.
 *
 * @throws the signal's reason when it is aborted; a `ProviderError` when the program cannot be started, fails,
 * writes too much or writes no text.
 */
export async function* runProgram(
  { task, messages, signal, logger }: Pick<ProviderRequest, 'task' | 'messages' | 'signal' | 'logger'>,
  options: ResolvedCommandOptions,
  programs: RunningPrograms,
): AsyncGenerator<string, void, undefined> {
  signal.throwIfAborted();
  const input = await prepareInput({ task, messages }, options);
  try {
    yield* runWith(input, { signal, logger }, options, programs);
  } finally {
    await input.remove();
  }
}

async function* runWith(
  input: ProgramInput,
  { signal, logger }: Pick<ProviderRequest, 'signal' | 'logger'>,
  options: ResolvedCommandOptions,
  programs: RunningPrograms,
): AsyncGenerator<string, void, undefined> {
  signal.throwIfAborted();
  const program = await startProgram(input, options, logger);
  programs.add(program);
  // At once: the reader below may be waiting for its own reader, or for a program that has closed its output.
  const stop = () => {
    program.stdout.destroy();
    void program.end();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    if (input.stdin !== undefined) writeInput(program.child, input.stdin);
    yield* decode(program.stdout, options);
    const exit = await program.exit;
    signal.throwIfAborted();
    if (exit.exitCode !== 0) throw exitError(options.file, exit, program.stderr.text());
  } catch (error) {
    // Reading stops with an error of the stream's own; the reason is the signal's.
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    await program.end();
    programs.delete(program);
  }
}

interface Program {
  readonly child: ChildProcess;
  readonly stdout: Readable;
  readonly stderr: TextTail;
  readonly exit: Promise<ProgramExit>;
  /** Ends the program and what it started. Idempotent: its process id may be another's by then. */
  end(): Promise<void>;
}

async function startProgram(
  input: ProgramInput,
  options: ResolvedCommandOptions,
  logger: Logger,
): Promise<Program> {
  const started = spawnProgram(input, options);
  const { child } = started;
  const stderr = new TextTail(STDERR_TAIL_BYTES);
  child.stderr?.on('data', (chunk: Uint8Array) => stderr.add(chunk));
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= endAndForget(started, options, logger);
    return ending;
  };
  const exit = new Promise<ProgramExit>((resolve) => {
    child.once('exit', (exitCode, signal) => {
      resolve({ exitCode, signal });
      // What it left running may hold its output open indefinitely.
      void end();
    });
  });
  noteRunning(started);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.on('error', (cause) => {
      forgetRunning(started);
      reject(startError(options.file, cause));
    });
  });
  return { child, stdout: child.stdout as Readable, stderr, exit, end };
}

async function endAndForget(
  program: StartedProgram,
  { file, killGraceMs }: ResolvedCommandOptions,
  logger: Logger,
): Promise<void> {
  const isGone = await endProgram(program, killGraceMs);
  forgetRunning(program);
  if (!isGone) logger.warn({ file, pid: program.child.pid }, 'a program could not be ended');
}

function spawnProgram({ args, stdin }: ProgramInput, options: ResolvedCommandOptions): StartedProgram {
  const marker = createMarker();
  expectProgram();
  try {
    const child = spawn(options.file, args, {
      cwd: options.cwd,
      env: markEnvironment(buildEnvironment(options), marker),
      shell: false,
      // A process group of its own, so that its children can be ended with it.
      detached: process.platform !== 'win32',
      windowsHide: true,
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    return { child, marker, startedAtMs: systemClock.now() };
  } catch (cause) {
    stopWatcherLater();
    throw startError(options.file, cause);
  }
}

function writeInput({ stdin }: ChildProcess, pieces: ReadonlyArray<string | Uint8Array>): void {
  // A program may answer without reading its input to the end; its exit code says whether it worked.
  stdin?.on('error', () => {});
  for (const piece of pieces) stdin?.write(piece);
  stdin?.end();
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
