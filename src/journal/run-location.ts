import { join, resolve } from 'node:path';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { sha256Hex } from '../hashing/digest.js';
import { describeValue } from '../input/describe-value.js';
import { expandHome } from '../input/expand-home.js';
import { unknownKeyError } from '../input/unknown-key.js';
import { configuredSecrets } from '../signing/configured-secrets.js';

/** Which run, and where its journal is. */
export interface RunLocation {
  /** The run's folder; the journals are in `runs/` below it. `~` is the home directory. */
  directory: string;
  /** The run's name. */
  runId: string;
  /**
   * The secret that signs the journal, or several for rotation: the first signs, all verify. Each at least 16 bytes.
   *
   * @default TUTTI_CACHE_SECRET, else the key file of this user
   */
  secret?: string | readonly string[] | undefined;
}

const MAX_RUN_ID_CHARS = 200;
const KEYS: readonly (keyof RunLocation)[] = ['directory', 'runId', 'secret'];

/** What a run's name has to be; `undefined` when the value is valid. */
export function expectRunId(value: unknown): string | undefined {
  const isValid = typeof value === 'string' && value !== '' && value.length <= MAX_RUN_ID_CHARS;
  return isValid ? undefined : `a name of 1 to ${MAX_RUN_ID_CHARS} characters`;
}

/** What a run's folder has to be; `undefined` when the value is valid. */
export function expectDirectory(value: unknown): string | undefined {
  const isValid = typeof value === 'string' && value !== '' && !value.includes('\0');
  return isValid ? undefined : 'the folder that holds the journals of runs, for instance ".tutti"';
}

/** @throws {@link InvalidArgumentError} when a field is missing, invalid or unknown. */
export function checkRunLocation(location: unknown): asserts location is RunLocation {
  if (typeof location !== 'object' || location === null) throw invalid('options', 'an object', location);
  const { directory, runId, secret } = location as Record<string, unknown>;
  for (const key of Object.keys(location)) {
    if (!(KEYS as readonly string[]).includes(key)) throw unknownKeyError('', key, KEYS);
  }
  const wrong = { directory: expectDirectory(directory), runId: expectRunId(runId) };
  if (wrong.directory !== undefined) throw invalid('directory', wrong.directory, directory);
  if (wrong.runId !== undefined) throw invalid('runId', wrong.runId, runId);
  configuredSecrets({ secret: secret as RunLocation['secret'] });
}

/**
 * The file of a run's journal. Each run has its own, so that each file has one writer, and a damaged one costs one
 * run. The name begins with what a person recognises; its end distinguishes names that file systems take for the same.
 */
export function journalPath({ directory, runId }: RunLocation): string {
  const readable = runId.replaceAll(/[^a-zA-Z0-9_-]+/g, '-').slice(0, 60);
  return resolve(join(expandHome(directory), 'runs', `${readable}-${sha256Hex(runId).slice(0, 16)}.db`));
}

function invalid(field: string, expected: string, came: unknown): InvalidArgumentError {
  return new InvalidArgumentError(field, `${field}: expected ${expected}; got ${describeValue(came)}.`);
}
