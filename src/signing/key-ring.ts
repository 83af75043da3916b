import type { Secrets } from './configured-secrets.js';
import { deriveSigningKey, type SigningKey, signHex } from './hmac.js';

interface NamedKey {
  readonly keyId: string;
  readonly key: SigningKey;
}

/** The signing keys that a list of secrets has for one purpose. */
export class KeyRing {
  /** Short name of the secret that signs. It reveals nothing about the secret. */
  readonly keyId: string;
  /** The key that signs. */
  readonly signer: SigningKey;
  readonly #keys: ReadonlyMap<string, SigningKey>;

  /**
   * @param secrets The first signs, all verify. Their length is checked where they are loaded.
   * @param purpose What is signed, for instance `cache`. Each purpose has keys of its own, so a signature for one is
   * never valid for another.
   */
  constructor([first, ...rest]: Secrets, purpose: string) {
    const signer = nameKey(first, purpose);
    this.keyId = signer.keyId;
    this.signer = signer.key;
    const others = rest.map((secret) => nameKey(secret, purpose));
    this.#keys = new Map([signer, ...others].map(({ keyId, key }) => [keyId, key]));
  }

  /** The names of all keys. */
  get keyIds(): string[] {
    return [...this.#keys.keys()];
  }

  /** The key of this name; `undefined` when none of the secrets has it. */
  find(keyId: string): SigningKey | undefined {
    return this.#keys.get(keyId);
  }
}

function nameKey(secret: Uint8Array, purpose: string): NamedKey {
  const key = deriveSigningKey(secret, `tutti ${purpose}: signing key`);
  const name = deriveSigningKey(secret, `tutti ${purpose}: name of the key`);
  return { key, keyId: signHex(name, '', '').slice(0, 12) };
}
