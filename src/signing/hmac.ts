import crypto from 'node:crypto';

const { createHash, createHmac, hash, timingSafeEqual } = crypto;

/** How long a signature is, in bytes. */
const SIGNATURE_BYTES = 32;
const SIGNATURE_HEX = /^[0-9a-f]{64}$/;
/** What SHA-256 works on at a time, in bytes. */
const BLOCK_BYTES = 64;
/** Messages up to this are put together in a buffer that is kept, in bytes. */
const MAX_KEPT_BYTES = 64 * 1024;

// As strings, since each buffer from outside the heap costs as much again when it is collected.
const sha256: (data: Uint8Array, encoding: 'hex' | 'latin1') => string =
  typeof hash === 'function'
    ? (data, encoding) => hash('sha256', data, encoding as 'hex')
    : /* istanbul ignore next -- every Node of the supported range has crypto.hash */
      (data, encoding) =>
        createHash('sha256')
          .update(data)
          .digest(encoding as 'hex');

/**
 * A key for signing with HMAC-SHA256 (RFC 2104). Opaque: it does not show its bytes when it is logged or inspected.
 *
 * Made of two hashes in one call each: making an HMAC object costs as much as reading an entry from disk may cost in
 * all.
 */
export class SigningKey {
  readonly #outer: Buffer;
  #inner: Buffer;

  /** @param key At most 64 bytes, which is what keys derived for a purpose are. */
  constructor(key: Uint8Array) {
    this.#inner = padded(key, 0x36, 4 * 1024);
    this.#outer = padded(key, 0x5c, SIGNATURE_BYTES);
  }

  /** The signature of two strings, concatenated, as UTF-8, in 64 lowercase hex characters. */
  sign(head: string, body: string): string {
    const inner = this.#roomFor(head.length + body.length);
    const headEnd = BLOCK_BYTES + inner.write(head, BLOCK_BYTES);
    const bodyEnd = headEnd + inner.write(body, headEnd);
    this.#outer.write(sha256(inner.subarray(0, bodyEnd), 'latin1'), BLOCK_BYTES, SIGNATURE_BYTES, 'latin1');
    const signature = sha256(this.#outer, 'hex');
    if (this.#inner.length > MAX_KEPT_BYTES) this.#inner = Buffer.from(this.#inner.subarray(0, BLOCK_BYTES));
    return signature;
  }

  #roomFor(textLength: number): Buffer {
    // A unit of UTF-16 takes at most three bytes.
    const mostBytes = BLOCK_BYTES + 3 * textLength;
    if (mostBytes > this.#inner.length) {
      const larger = Buffer.alloc(Math.max(mostBytes, 2 * this.#inner.length));
      this.#inner.copy(larger, 0, 0, BLOCK_BYTES);
      this.#inner = larger;
    }
    return this.#inner;
  }
}

/** Where two signatures are compared. */
const right = Buffer.alloc(2 * SIGNATURE_BYTES);
const given = Buffer.alloc(2 * SIGNATURE_BYTES);

function padded(key: Uint8Array, pad: number, roomBytes: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES + roomBytes);
  for (let at = 0; at < BLOCK_BYTES; at++) block[at] = (key[at] ?? 0) ^ pad;
  return block;
}

/** Derives a signing key for one purpose, so that one secret never signs two kinds of things with the same key. */
export function deriveSigningKey(secret: Uint8Array, purpose: string): SigningKey {
  return new SigningKey(createHmac('sha256', secret).update(purpose).digest());
}

/** HMAC-SHA256 over the parts one after the other, in 64 lowercase hex characters. */
export function signHex(key: SigningKey, head: string, body: string): string {
  return key.sign(head, body);
}

/**
 * Whether a signature is the one that {@link signHex} returns, compared in constant time. Anything that is not 64 lowercase hex characters is `false`.
 */
export function isSignedBy(key: SigningKey, head: string, body: string, signature: unknown): boolean {
  if (typeof signature !== 'string' || !SIGNATURE_HEX.test(signature)) return false;
  right.write(key.sign(head, body), 'latin1');
  given.write(signature, 'latin1');
  return timingSafeEqual(right, given);
}
