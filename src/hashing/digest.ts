// As a whole: older Nodes lack the function, and a name that is missing would end the import before the check below.
import crypto from 'node:crypto';
import { nodeVersionProblem } from '../errors/node-version.js';

// Here, because every entry of the package needs this file: an old Node is named before anything it lacks is used.
const problem = nodeVersionProblem(process.versions.node);
if (problem !== undefined) throw new Error(problem);

const { createHash, hash } = crypto;

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
