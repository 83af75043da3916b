import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** A key for signing. Opaque: it does not show its bytes when it is logged or inspected. */
export type SigningKey = KeyObject;

/** How long a signature is, in bytes. */
const SIGNATURE_BYTES = 32;
const SIGNATURE_HEX = /^[0-9a-f]{64}$/;

/** Makes a signing key for one purpose, so that one secret never signs two kinds of things with the same key. */
export function deriveSigningKey(secret: Uint8Array, purpose: string): SigningKey {
  return createSecretKey(createHmac('sha256', secret).update(purpose).digest());
}

/** HMAC-SHA256 over the parts one after the other, in 64 lowercase hex characters. */
export function signHex(key: SigningKey, head: string, body: string): string {
  return createHmac('sha256', key)
    .update(head + body)
    .digest('hex');
}

/**
 * Says whether a signature is the one that {@link signHex} gives, in a time that does not depend on where they
 * differ. Anything that is not 64 lowercase hex characters is `false`.
 */
export function isSignedBy(key: SigningKey, head: string, body: string, signature: unknown): boolean {
  if (typeof signature !== 'string' || !SIGNATURE_HEX.test(signature)) return false;
  const expected = createHmac('sha256', key)
    .update(head + body)
    .digest();
  const given = Buffer.from(signature, 'hex');
  return given.length === SIGNATURE_BYTES && timingSafeEqual(expected, given);
}
