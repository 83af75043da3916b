import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { CacheStoreError } from '../errors/storage-errors.js';
import { findDetour, homeFolder } from '../input/own-folder.js';
import { type ConfiguredSecretOptions, configuredSecrets, type Secrets } from './configured-secrets.js';

/** How long a secret is that we make ourselves, in bytes. */
const OWN_SECRET_BYTES = 32;
const MAX_FILE_BYTES = 64 * 1024;
const FILE_NAME = 'cache.key';

/** Where secrets may come from. */
export interface SecretOptions extends ConfiguredSecretOptions {
  /**
   * Called when a secret could not be kept, so that this process signs with one of its own and what it writes cannot
   * be read by the next; and when the mode of the key file had to be narrowed.
   */
  onProblem?: ((error: CacheStoreError) => void) | undefined;
}

/**
 * The secrets that sign cache entries: the option, else `TUTTI_CACHE_SECRET`, else 32 random bytes that are made once
 * and kept in `$XDG_CONFIG_HOME/tutti/cache.key` (`~/.config/tutti/cache.key` without that variable), readable by
 * their owner alone. Where they cannot be kept, the secret lasts as long as the process.
 *
 * @throws {@link InvalidArgumentError} only for a secret that was given and is too short.
 */
export async function loadSecrets(options: SecretOptions = {}): Promise<Secrets> {
  try {
    return await loadLastingSecrets(options);
  } catch (cause) {
    if (InvalidArgumentError.isInstance(cause)) throw cause;
    const folder = secretFolder(options.env);
    const where = folder === undefined ? 'anywhere' : `in ${join(folder, FILE_NAME)}`;
    const why = cause instanceof Error ? cause.message : String(cause);
    const message =
      `The secret that signs cache entries cannot be kept ${where}: ${why}. A secret of this process ` +
      'is used instead, so entries on disk do not outlive it. Make the folder writable, or set TUTTI_CACHE_SECRET.';
    options.onProblem?.(new CacheStoreError('disk', 'secret', message, { cause }));
    return [randomBytes(OWN_SECRET_BYTES)];
  }
}

/**
 * As {@link loadSecrets}, for what is of no use to this process alone.
 *
 * @throws {@link InvalidArgumentError} for a secret that was given and is too short; any error when none can be kept.
 */
export async function loadLastingSecrets(options: SecretOptions): Promise<Secrets> {
  const given = configuredSecrets(options);
  if (given !== undefined) return given;
  const folder = secretFolder(options.env);
  if (folder === undefined) throw new Error('there is no home directory');
  return [await readOrCreateSecret(folder, options.onProblem)];
}

/** The folder of the secret that is kept for the user; `undefined` where the user has no place for one. */
export function secretFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  const { XDG_CONFIG_HOME: base } = env;
  // The specification says to ignore a relative path there.
  if (base !== undefined && isAbsolute(base)) return join(base, 'tutti');
  const home = homeFolder(env);
  return home === undefined ? undefined : join(home, '.config', 'tutti');
}

async function readOrCreateSecret(
  folder: string,
  onProblem: SecretOptions['onProblem'],
): Promise<Uint8Array> {
  const path = join(folder, FILE_NAME);
  const detour = await findDetour(path);
  if (detour !== undefined) throw new Error(`${detour.link} is a link that leads to ${detour.target}`);
  const kept = await readSecret(path, onProblem);
  if (kept !== undefined) return kept;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await createSecret(path);
  const made = await readSecret(path, onProblem);
  if (made === undefined) throw new Error(`${path} was removed while it was made`);
  return made;
}

/** The secret in the file; `undefined` when there is no file. A file that holds too little is set aside. */
async function readSecret(
  path: string,
  onProblem: SecretOptions['onProblem'],
): Promise<Uint8Array | undefined> {
  const found = await stat(path).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (!found.isFile() || found.size > MAX_FILE_BYTES)
    throw new Error(`${path} is no file that holds a secret`);
  await keepPrivate(path, found, onProblem);
  const bytes = await readFile(path);
  if (bytes.length >= OWN_SECRET_BYTES) return bytes;
  await rename(path, `${path}.bad`);
  return undefined;
}

/** Narrows the mode of a secret that others can read, and says so; one that belongs to another user is refused. */
async function keepPrivate(
  path: string,
  { mode, uid }: { readonly mode: number; readonly uid: number },
  onProblem: SecretOptions['onProblem'],
): Promise<void> {
  if (process.platform === 'win32') return;
  const own = process.getuid?.() ?? uid;
  if (uid !== own && uid !== 0) throw new Error(`${path} belongs to another user`);
  if ((mode & 0o077) === 0) return;
  await chmod(path, 0o600);
  const message =
    `The secret in ${path} could be read by other users; its mode is 0600 now. If one of them may have read it, ` +
    'remove the file: a new secret is made, and what is stored is computed again.';
  onProblem?.(new CacheStoreError('disk', 'secret', message));
}

/**
 * Puts a complete file in place or finds that another process did: a link, unlike a rename, never replaces what is
 * there, so processes that start together agree on one secret.
 */
async function createSecret(path: string): Promise<void> {
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`;
  try {
    await writeDurably(draft, randomBytes(OWN_SECRET_BYTES));
    await link(draft, path).catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== 'EEXIST') throw error;
    });
  } finally {
    await unlink(draft).catch(() => {});
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
