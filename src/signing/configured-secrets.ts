import { InvalidArgumentError } from '../errors/input-errors.js';

/** The shortest secret that is accepted, in bytes. */
const MIN_SECRET_BYTES = 16;

/** One or more secrets: the first signs, all verify. */
export type Secrets = readonly [Uint8Array, ...Uint8Array[]];

/** Where secrets may be given. */
export interface ConfiguredSecretOptions {
  /** A secret, or several for rotation: the first signs, all verify. Each at least 16 bytes as UTF-8. */
  secret?: string | readonly string[] | undefined;
  /** The environment variables. @default process.env */
  env?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * Checks secrets that were given, without touching any file: an option, else `TUTTI_CACHE_SECRET`, else `undefined`.
 *
 * @throws {@link InvalidArgumentError} when one is shorter than 16 bytes, the list is empty or one is no string.
 */
export function configuredSecrets(options: ConfiguredSecretOptions): Secrets | undefined {
  const env = options.env ?? process.env;
  if (options.secret !== undefined) return checkSecrets('secret', options.secret);
  const { TUTTI_CACHE_SECRET: secret } = env;
  // Container tools pass an unset variable on as an empty one.
  return secret === undefined || secret === '' ? undefined : checkSecrets('TUTTI_CACHE_SECRET', secret);
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
