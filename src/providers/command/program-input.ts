import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProviderRequest } from '../../contracts/provider.js';
import type { ContentFile } from '../../contracts/task-content.js';
import { nulInTaskError, optionLikeTaskError } from './command-errors.js';
import type { ResolvedCommandOptions } from './command-options.js';

/** What a program is started with. */
export interface ProgramInput {
  readonly args: readonly string[];
  /** What it reads on its standard input, in order; `undefined` if it has none. */
  readonly stdin: ReadonlyArray<string | Uint8Array> | undefined;
  /** Removes what was written for the program. */
  remove(): Promise<void>;
}

/** The part of a request that a program receives. */
export type ProgramTask = Pick<ProviderRequest, 'task' | 'messages'>;

/**
 * Prepares what a program is started with: the task and its files, as arguments or on its standard input.
 *
 * @throws `ProviderRequestError` for a task that cannot be an argument.
 */
export async function prepareInput(
  request: ProgramTask,
  options: ResolvedCommandOptions,
): Promise<ProgramInput> {
  const { args, input } = options;
  const { task } = request;
  const files = filesOf(request);
  // A task of files alone has no text.
  const taskArguments = input === 'argument' && task !== '' ? [taskArgument(task, options)] : [];
  const written = await writeFiles(options.files === 'arguments' ? files : []);
  return {
    // What is an option ends with args: paths are absolute, and a task was checked.
    args: [...args, ...written.paths, ...taskArguments],
    stdin: stdinOf(task, options.files === 'stdin' ? files : [], options),
    remove: written.remove,
  };
}

function filesOf({ messages = [] }: ProgramTask): ContentFile[] {
  return messages.flatMap(({ content }) =>
    typeof content === 'string' ? [] : content.flatMap((part) => (part.type === 'file' ? [part.file] : [])),
  );
}

/** A task as an argument must not be able to pass for an option. */
function taskArgument(task: string, options: ResolvedCommandOptions): string {
  if (task.includes('\0')) throw nulInTaskError(options);
  if (task.startsWith('-') && options.args.at(-1) !== '--') throw optionLikeTaskError(options);
  return task;
}

function stdinOf(
  task: string,
  files: readonly ContentFile[],
  { input }: ResolvedCommandOptions,
): ProgramInput['stdin'] {
  const bytes = files.map((file) => file.bytes);
  if (input === 'argument') return bytes.length === 0 ? undefined : bytes;
  return bytes.length === 0 || task === '' ? [task, ...bytes] : [task, '\n', ...bytes];
}

/** The paths of files; those without one are written to a folder that only this user can read. */
async function writeFiles(
  files: readonly ContentFile[],
): Promise<{ paths: string[]; remove: () => Promise<void> }> {
  if (files.every(({ path }) => path !== undefined)) {
    return { paths: files.map(({ path }) => path as string), remove: async () => {} };
  }
  const folder = await mkdtemp(join(tmpdir(), 'tutti-files-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const paths = await Promise.all(
      files.map(async (file, index) => file.path ?? (await writeCopy(file, join(folder, `${index}`)))),
    );
    return { paths, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Each in a folder of its own, so that it keeps its name. */
async function writeCopy({ name, bytes }: ContentFile, folder: string): Promise<string> {
  await mkdir(folder);
  // A name is the caller's or a server's, and may hold anything.
  const path = join(folder, name.replace(/[^\p{L}\p{N}._-]/gu, '_').replace(/^[.-]+/, '_') || 'file');
  await writeFile(path, bytes, { mode: 0o600 });
  return path;
}
