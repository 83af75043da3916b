import { createHash, hash } from 'node:crypto';

/**
 * SHA-256 of a string (as UTF-8) or of bytes, in 64 lowercase hex characters.
 *
 * The one-shot function is several times quicker on short input than a hash object; runtimes that imitate Node
 * do not all have it.
 */
export const sha256Hex: (data: string | Uint8Array) => string =
  typeof hash === 'function'
    ? (data) => hash('sha256', data, 'hex')
    : /* istanbul ignore next -- every Node of the supported range has crypto.hash */
      (data) => createHash('sha256').update(data).digest('hex');
