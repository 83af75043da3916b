import { fieldOf } from '../../errors/foreign.js';

/** How many causes are looked at: clients nest the one that matters two or three levels deep. */
const MAX_CAUSES = 5;

/** A module that is missing or cannot be loaded as it is. */
const MODULE_CODES: ReadonlySet<unknown> = new Set([
  'ERR_DLOPEN_FAILED',
  'ERR_MODULE_NOT_FOUND',
  'ERR_REQUIRE_ESM',
  'ERR_UNKNOWN_BUILTIN_MODULE',
  'MODULE_NOT_FOUND',
]);
const MODULE_MESSAGE = /^(Dynamic require of |Cannot find (module|package) )/;

/** `fetch` reports a failed or broken connection as a TypeError that only its message identifies, in each runtime. */
const FETCH_MESSAGE =
  /^(fetch failed|terminated|error sending request|error reading a body|Failed to fetch|Load failed|NetworkError)/;

/** A code of the operating system or of undici, as Bun gives it to its TypeErrors. */
const SYSTEM_CODE = /^(E(?!RR_)[A-Z_]+|UND_ERR_\w+|Connection\w+|FailedToOpenSocket)$/;

/**
 * Whether a failure, or one of its causes, is a fault in code: a bug, or a module that cannot be loaded. The same call
 * would fail in the same way again, whatever clients and `fetch` make of it.
 */
export function isCodeFault(thrown: unknown): boolean {
  let fault = thrown;
  for (let depth = 0; depth < MAX_CAUSES && fault !== undefined && fault !== null; depth += 1) {
    if (isFault(fault)) return true;
    fault = fieldOf(fault, 'cause');
  }
  return false;
}

function isFault(fault: unknown): boolean {
  if (MODULE_CODES.has(fieldOf(fault, 'code'))) return true;
  const name = fieldOf(fault, 'name');
  const message = String(fieldOf(fault, 'message') ?? '');
  if (name === 'ReferenceError' || MODULE_MESSAGE.test(message)) return true;
  return (
    name === 'TypeError' && !FETCH_MESSAGE.test(message) && !SYSTEM_CODE.test(String(fieldOf(fault, 'code')))
  );
}
