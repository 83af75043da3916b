// One measurement in a process of its own, so that no measurement runs in the heap or on the compiled code of another.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Runs `script` (a path beside this file) in a new process and gives what it printed as JSON.
 *
 * @param {string} script
 * @param {Record<string, unknown>} parameters
 */
export async function measure(script, parameters) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const { stdout } = await run(process.execPath, ['--expose-gc', file, JSON.stringify(parameters)]);
  return JSON.parse(stdout);
}

/** In the child: the parameters it was given. */
export const parameters = () => JSON.parse(process.argv[2] ?? '{}');

/** In the child: hands the result over. */
export const report = (result) => process.stdout.write(JSON.stringify(result));
