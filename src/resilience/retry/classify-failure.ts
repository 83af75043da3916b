import { AgentError, type CallIdentity } from '../../errors/execution-errors.js';
import { fieldOf, messageOf } from '../../errors/foreign.js';
import { TuttiError } from '../../errors/tutti-error.js';
import { isCodeFault } from './code-fault.js';
import { parseRetryAfterMs } from './retry-after.js';

/** Transient HTTP statuses below 500: timeout, conflict, too early, too many requests. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/** Error codes of Node, undici and Bun for network faults, which are transient. */
const NETWORK_CODES: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ConnectionClosed',
  'ConnectionRefused',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'FailedToOpenSocket',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** How many causes are searched for a network code: `fetch` nests it one level deep, clients one or two more. */
const MAX_CAUSES = 4;

/**
 * Converts a thrown value to a {@link TuttiError} that says whether it is retryable.
 *
 * A {@link TuttiError} is returned as it is. Otherwise the first of these decides: a boolean `retryable` of the thrown
 * value; its `status` or `statusCode`; a bug among its causes, which is permanent; its Node error code or that of its
 * causes, or the name of a timeout error. Anything else is permanent, unless `isTransient` (the user's `retry.when`) returns true.
 *
 * @param epochMs Now, in milliseconds since the Unix epoch; needed if `retry-after` is a date.
 */
export function classifyFailure(
  thrown: unknown,
  call: CallIdentity,
  epochMs: number,
  isTransient: ((thrown: unknown) => boolean) | undefined,
): TuttiError {
  if (TuttiError.isInstance(thrown)) return thrown;
  const status = statusOf(thrown);
  const retryable = flagOf(thrown) ?? (looksTransient(thrown, status) || isTransient?.(thrown) === true);
  return new AgentError(call, messageOf(thrown), {
    retryable,
    cause: thrown,
    status,
    retryAfterMs: retryAfterOf(thrown, epochMs),
  });
}

function flagOf(thrown: unknown): boolean | undefined {
  const flag = fieldOf(thrown, 'retryable');
  return typeof flag === 'boolean' ? flag : undefined;
}

function statusOf(thrown: unknown): number | undefined {
  const status = fieldOf(thrown, 'status') ?? fieldOf(thrown, 'statusCode');
  return typeof status === 'number' ? status : undefined;
}

function looksTransient(thrown: unknown, status: number | undefined): boolean {
  if (status !== undefined) return TRANSIENT_STATUSES.has(status) || (status >= 500 && status <= 599);
  if (isCodeFault(thrown)) return false;
  let fault = thrown;
  for (let depth = 0; depth < MAX_CAUSES && fault !== undefined; depth += 1) {
    if (isNetworkFault(fault)) return true;
    fault = fieldOf(fault, 'cause');
  }
  return false;
}

function isNetworkFault(fault: unknown): boolean {
  const code = fieldOf(fault, 'code');
  if (typeof code === 'string' && NETWORK_CODES.has(code)) return true;
  const name = fieldOf(fault, 'name');
  if (name === 'TimeoutError') return true;
  // fetch reports a failed or broken connection as a TypeError that only its message identifies.
  const message = fieldOf(fault, 'message');
  return name === 'TypeError' && (message === 'fetch failed' || message === 'terminated');
}

function retryAfterOf(thrown: unknown, epochMs: number): number | undefined {
  const direct = fieldOf(thrown, 'retryAfterMs');
  if (typeof direct === 'number' && direct >= 0 && Number.isFinite(direct)) return direct;
  const headers = fieldOf(thrown, 'headers') ?? fieldOf(fieldOf(thrown, 'response'), 'headers');
  return parseRetryAfterMs(headers, epochMs);
}
