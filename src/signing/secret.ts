import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { CacheStoreError } from '../errors/storage-errors.js';

/** The shortest secret that is accepted, in bytes. */
const MIN_SECRET_BYTES = 16;
/** How long a secret is that we make ourselves, in bytes. */
const OWN_SECRET_BYTES = 32;

/** One or more secrets: the first signs, all verify. */
export type Secrets = readonly [Uint8Array, ...Uint8Array[]];

/** Where secrets may come from. */
export interface SecretOptions {
  /** A secret, or several for rotation: the first signs, all verify. Each at least 16 bytes as UTF-8. */
  secret?: string | readonly string[] | undefined;
  /**
   * Told once when a secret could not be kept, so that this process signs with one of its own and what it writes
   * cannot be read by the next.
   */
  onProblem?: ((error: CacheStoreError) => void) | undefined;
  /** The environment variables. @default process.env */
  env?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * Checks secrets that were given, without touching any file: an option, else `TUTTI_CACHE_SECRET`, else `undefined`.
 *
 * @throws {@link InvalidArgumentError} when one is shorter than 16 bytes, the list is empty or one is no string.
 */
export function configuredSecrets(options: SecretOptions): Secrets | undefined {
  const env = options.env ?? process.env;
  if (options.secret !== undefined) return checkSecrets('secret', options.secret);
  if (env.TUTTI_CACHE_SECRET !== undefined) return checkSecrets('TUTTI_CACHE_SECRET', env.TUTTI_CACHE_SECRET);
  return undefined;
}

/**
 * The secrets that sign cache entries: the option, else `TUTTI_CACHE_SECRET`, else 32 random bytes that are made once
 * and kept in `$XDG_CONFIG_HOME/tutti/cache.key` (`~/.config/tutti/cache.key` without that variable), readable by
 * their owner alone. Where they cannot be kept, the secret lasts as long as the process.
 *
 * @throws {@link InvalidArgumentError} only for a secret that was given and is too short.
 */
export async function loadSecrets(options: SecretOptions = {}): Promise<Secrets> {
  const given = configuredSecrets(options);
  if (given !== undefined) return given;
  const folder = configFolder(options.env ?? process.env);
  try {
    return [await readOrCreateSecret(folder)];
  } catch (cause) {
    options.onProblem?.(
      new CacheStoreError(
        'disk',
        'secret',
        `The secret that signs cache entries cannot be kept in ${join(folder, 'cache.key')}. A secret of this process ` +
          'is used instead, so entries on disk do not outlive it. Make the folder writable, or set TUTTI_CACHE_SECRET.',
        { cause },
      ),
    );
    return [randomBytes(OWN_SECRET_BYTES)];
  }
}

function checkSecrets(field: string, value: string | readonly string[]): Secrets {
  const secrets: readonly unknown[] = Array.isArray(value) ? value : [value];
  const [first, ...rest] = secrets.map((secret, index) =>
    checkSecret(Array.isArray(value) ? `${field}[${index}]` : field, secret),
  );
  if (first !== undefined) return [first, ...rest];
  throw new InvalidArgumentError(
    field,
    `${field}: expected at least one secret, got an empty list. Leave the option out to use the one kept for this user.`,
  );
}

function checkSecret(field: string, secret: unknown): Uint8Array {
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : undefined;
  if (bytes !== undefined && bytes.length >= MIN_SECRET_BYTES) return bytes;
  // Neither the secret nor anything but its length belongs in a message.
  const got = bytes === undefined ? `a ${typeof secret}` : `${bytes.length} bytes`;
  throw new InvalidArgumentError(
    field,
    `${field}: expected a secret of at least ${MIN_SECRET_BYTES} bytes, got ${got}. ` +
      'Use a random one, for instance from: openssl rand -hex 32',
  );
}

function configFolder(env: Readonly<Record<string, string | undefined>>): string {
  const base = env.XDG_CONFIG_HOME;
  // The specification says that a relative path there is to be ignored.
  return join(base?.startsWith('/') === true ? base : join(env.HOME ?? homedir(), '.config'), 'tutti');
}

async function readOrCreateSecret(folder: string): Promise<Uint8Array> {
  const path = join(folder, 'cache.key');
  const kept = await readSecret(path);
  if (kept !== undefined) return kept;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await createSecret(path);
  const made = await readSecret(path);
  if (made === undefined) throw new Error(`${path} was removed while it was made`);
  return made;
}

/** The secret in the file; `undefined` when there is no file. A file that holds too little is set aside. */
async function readSecret(path: string): Promise<Uint8Array | undefined> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  });
  if (bytes === undefined || bytes.length >= OWN_SECRET_BYTES) return bytes;
  await rename(path, `${path}.bad`);
  return undefined;
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
