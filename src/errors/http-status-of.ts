import type { ErrorCode } from './codes.js';
import { fieldOf } from './foreign.js';
import { TuttiError } from './tutti-error.js';

/** Statuses by code. What is not listed is the server's own fault: 500. */
const STATUSES: Partial<Readonly<Record<ErrorCode, number>>> = {
  TUTTI_INVALID_ARGUMENT: 400,
  TUTTI_UNKNOWN_AGENT: 404,
  TUTTI_CALL_NOT_RECORDED: 404,
  TUTTI_DUPLICATE_AGENT: 409,
  TUTTI_RUN_BUSY: 409,
  TUTTI_RUN_CHANGED: 409,
  // The provider understood the request and does not answer it: sending it again does not help.
  TUTTI_PROVIDER_REQUEST: 422,
  TUTTI_PROVIDER_REFUSAL: 422,
  TUTTI_RATE_LIMITED: 429,
  TUTTI_PROVIDER_RATE_LIMITED: 429,
  TUTTI_BUDGET_EXCEEDED: 429,
  TUTTI_CANCELLED: 499,
  TUTTI_APPROVAL_REQUIRED: 409,
  TUTTI_OUTPUT_INVALID: 502,
  TUTTI_PROVIDER_RESPONSE: 502,
  TUTTI_CLOSED: 503,
  TUTTI_QUEUE_FULL: 503,
  TUTTI_POOL: 503,
  TUTTI_LANE_DOWN: 503,
  TUTTI_CIRCUIT_OPEN: 503,
  TUTTI_PROVIDER_OVERLOADED: 503,
  TUTTI_PROVIDER_NETWORK: 503,
  TUTTI_TIMEOUT: 504,
  TUTTI_PROVIDER_TIMEOUT: 504,
};

/**
 * The HTTP status with which a server answers a request that ended with this error. The error decides by its `code`;
 * where all attempts failed, by that of the last one. 499 means that the client has left; a wrong key of the server is
 * not the client's fault and is 500, like everything that is no {@link TuttiError}.
 *
 * @example
 * ```ts
 * response.writeHead(httpStatusOf(error));
 * ```
 */
export function httpStatusOf(error: unknown): number {
  if (!TuttiError.isInstance(error)) return 500;
  const { code, details } = error;
  if (code === 'TUTTI_RETRIES_EXHAUSTED') return httpStatusOf(fieldOf(error, 'cause'));
  if (code === 'TUTTI_INVALID_ARGUMENT' && details.maxTaskChars !== undefined) return 413;
  return STATUSES[code] ?? 500;
}
