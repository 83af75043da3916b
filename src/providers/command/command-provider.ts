import type { AgentDefinition } from '../../contracts/agent.js';
import type { Provider, ProviderRequest } from '../../contracts/provider.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import { toDefinition } from '../agent-settings.js';
import { judgedError } from './command-errors.js';
import {
  type CommandOptions,
  type ResolvedCommandOptions,
  resolveCommandOptions,
} from './command-options.js';
import { type RunningPrograms, runProgram } from './run-program.js';
import { stopIdleWatcher } from './running-programs.js';

/**
 * An agent that is a program: it receives the task on its standard input (or as its last argument), and what it
 * writes to its standard output is the answer, unchanged, streamed as it is written. Exit code 0 is success; with
 * any other the call fails with the exit code and the end of standard error in the error.
 *
 * The program is started directly, never through a shell, so nothing in a task is ever interpreted. It is ended with
 * everything it started when it exits, when the call is cancelled or times out, when the orchestrator is closed, and
 * when this process ends or is killed.
 *
 * @example
 * ```ts
 * const agents = { 'word-count': command({ file: 'wc', args: ['-w'] }) };
 * ```
 *
 * @throws `InvalidArgumentError` for an invalid option.
 */
export function command<const Name extends string = string, Data = undefined>(
  options: CommandOptions<Name, Data>,
): AgentDefinition<Name, Data> {
  return toDefinition(options, createCommandProvider(resolveCommandOptions(options)));
}

function createCommandProvider(options: ResolvedCommandOptions): Provider {
  const { file, args, input, files, cwd } = options;
  const programs: RunningPrograms = new Set();
  return {
    specificationVersion: 1,
    name: 'command',
    identity: {
      ...{ file, args, input },
      ...(files === undefined ? {} : { files }),
      ...(cwd === undefined ? {} : { cwd }),
    },
    accepts: files === undefined ? {} : { files: ['*'] },
    async generate(request) {
      return { output: await wholeOutput(request, options, programs), finishReason: 'stop' };
    },
    stream: (request) => streamProgram(request, options, programs),
    async close() {
      // A stream that is no longer read, or a call that was abandoned, may still have one.
      await Promise.all(Array.from(programs, (program) => program.end()));
      stopIdleWatcher();
    },
  };
}

async function wholeOutput(
  request: ProviderRequest,
  options: ResolvedCommandOptions,
  programs: RunningPrograms,
): Promise<string> {
  const pieces: string[] = [];
  for await (const text of runProgram(request, options, programs)) pieces.push(text);
  const output = pieces.join('');
  const reason = options.isFailure?.(output) ?? false;
  if (reason !== false) throw judgedError(options.file, output, reason);
  return output;
}

async function* streamProgram(
  request: ProviderRequest,
  options: ResolvedCommandOptions,
  programs: RunningPrograms,
): AsyncGenerator<StreamEvent, void, undefined> {
  if (options.isFailure === undefined) {
    for await (const text of runProgram(request, options, programs)) yield { type: 'text-delta', text };
  } else {
    // A failure must not look like an answer, not even for a moment.
    yield { type: 'text-delta', text: await wholeOutput(request, options, programs) };
  }
  yield { type: 'finish', finishReason: 'stop' };
}
