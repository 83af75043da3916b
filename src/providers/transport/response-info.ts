import type { ProviderResponseInfo } from '../../contracts/rate-limits.js';
import { type HeaderSource, parseRetryAfterMs } from '../../resilience/retry/retry-after.js';
import { parseRateLimits } from './rate-limit-headers.js';

/** What a response's status and headers say, in the form that `onResponse` takes. */
export function responseInfo(
  provider: string,
  model: string | undefined,
  status: number,
  headers: HeaderSource,
): ProviderResponseInfo {
  return {
    provider,
    model,
    status,
    requestId: requestIdOf(headers),
    retryAfterMs: parseRetryAfterMs(headers),
    limits: parseRateLimits(headers),
  };
}

/** The provider's id of the request. */
export function requestIdOf(headers: HeaderSource): string | undefined {
  return headers.get('request-id') ?? headers.get('x-request-id') ?? undefined;
}
