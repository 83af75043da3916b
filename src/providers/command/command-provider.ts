import type { AgentDefinition } from '../../contracts/agent.js';
import type { Provider, ProviderRequest } from '../../contracts/provider.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import { toDefinition } from '../agent-settings.js';
import {
  type CommandOptions,
  type ResolvedCommandOptions,
  resolveCommandOptions,
} from './command-options.js';
import { runProgram } from './run-program.js';

/**
 * An agent that is a program: it gets the task on its standard input (or as its last argument), and what it
 * writes to its standard output is the answer, unchanged, streamed as it comes. Exit code 0 is success; with
 * any other the call fails with the exit code and the end of standard error in the error.
 *
 * The program is started directly, never through a shell, so nothing in a task is ever interpreted. When the
 * call is cancelled or times out, the program is ended with everything it started.
 *
 * @example
 * ```ts
 * const agents = { 'word-count': command({ file: 'wc', args: ['-w'] }) };
 * ```
 *
 * @throws `InvalidArgumentError` for an option that does not fit.
 */
export function command<const Name extends string = string, Data = unknown>(
  options: CommandOptions<Name, Data>,
): AgentDefinition<Name, Data> {
  return toDefinition(options, createCommandProvider(resolveCommandOptions(options)));
}

function createCommandProvider(options: ResolvedCommandOptions): Provider {
  const { file, args, input, cwd } = options;
  return {
    specificationVersion: 1,
    name: 'command',
    identity: { file, args, input, ...(cwd === undefined ? {} : { cwd }) },
    async generate({ task, signal }) {
      const pieces: string[] = [];
      for await (const text of runProgram(task, options, signal)) pieces.push(text);
      return { output: pieces.join(''), finishReason: 'stop' };
    },
    stream: (request) => streamProgram(request, options),
  };
}

async function* streamProgram(
  { task, signal }: ProviderRequest,
  options: ResolvedCommandOptions,
): AsyncGenerator<StreamEvent, void, undefined> {
  for await (const text of runProgram(task, options, signal)) yield { type: 'text-delta', text };
  yield { type: 'finish', finishReason: 'stop' };
}
