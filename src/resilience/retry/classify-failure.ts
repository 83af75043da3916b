import { AgentError, type CallIdentity } from '../../errors/execution-errors.js';
import { fieldOf, messageOf } from '../../errors/foreign.js';
import { TuttiError } from '../../errors/tutti-error.js';
import { parseRetryAfterMs } from './retry-after.js';

/** HTTP statuses below 500 that can pass: timeout, conflict, too early, too many requests. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/** Node's and undici's codes for faults of the network, which can pass. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
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
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** How deep network codes are looked for: `fetch` hides them one cause down, clients one or two more. */
const MAX_CAUSES = 4;

/**
 * Turns whatever an agent threw into a {@link TuttiError} that says whether it can pass.
 *
 * In this order: an own error is kept as it is; a boolean `retryable` on the thrown thing decides; else its
 * `status` or `statusCode`; else its Node error code or that of its causes, or a timeout by name. Anything else
 * cannot pass, unless `mayPass` (the user's `retry.when`) says so.
 *
 * @param epochMs Now, milliseconds since the Unix epoch; for a `retry-after` that is a date.
 */
export function classifyFailure(
  thrown: unknown,
  call: CallIdentity,
  epochMs: number,
  mayPass: ((thrown: unknown) => boolean) | undefined,
): TuttiError {
  if (TuttiError.isInstance(thrown)) return thrown;
  const status = statusOf(thrown);
  const retryable = flagOf(thrown) ?? (canPass(thrown, status) || mayPass?.(thrown) === true);
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

function canPass(thrown: unknown, status: number | undefined): boolean {
  if (status !== undefined) return PASSING_STATUSES.has(status) || (status >= 500 && status <= 599);
  let fault = thrown;
  for (let depth = 0; depth < MAX_CAUSES && fault !== undefined; depth += 1) {
    if (isNetworkFault(fault)) return true;
    fault = fieldOf(fault, 'cause');
  }
  return false;
}

function isNetworkFault(fault: unknown): boolean {
  const code = fieldOf(fault, 'code');
  if (typeof code === 'string' && PASSING_CODES.has(code)) return true;
  const name = fieldOf(fault, 'name');
  if (name === 'TimeoutError') return true;
  // fetch reports a failed or cut connection as a TypeError that has nothing but its message.
  const message = fieldOf(fault, 'message');
  return name === 'TypeError' && (message === 'fetch failed' || message === 'terminated');
}

function retryAfterOf(thrown: unknown, epochMs: number): number | undefined {
  const direct = fieldOf(thrown, 'retryAfterMs');
  if (typeof direct === 'number' && direct >= 0 && Number.isFinite(direct)) return direct;
  const headers = fieldOf(thrown, 'headers') ?? fieldOf(fieldOf(thrown, 'response'), 'headers');
  return parseRetryAfterMs(headers, epochMs);
}
