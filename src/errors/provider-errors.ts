import type { ErrorCode } from './codes.js';
import { causeWithoutSecrets, detailsWithoutSecrets, withoutSecrets } from './redact.js';
import { TuttiError } from './tutti-error.js';

/** The codes of {@link ProviderError} and its subclasses. */
export type ProviderErrorCode = Extract<ErrorCode, `TUTTI_PROVIDER_${string}`>;

/** Facts about a failed request to a provider. */
export interface ProviderErrorOptions {
  /** The provider's name, for instance `anthropic`. */
  provider: string;
  /** The requested model, if known. */
  model?: string | undefined;
  /** The HTTP status, if there was a response. */
  status?: number | undefined;
  /** The provider's id of the request, to quote to its support. */
  requestId?: string | undefined;
  /** How long the provider asked to wait, in milliseconds. */
  retryAfterMs?: number | undefined;
  /** Overrides the default of the error class for this one failure. */
  retryable?: boolean | undefined;
  /** Further facts: exit codes, limits, sizes. Never prompts, answers or secrets. */
  details?: Readonly<Record<string, unknown>> | undefined;
  /** The original thrown value, of any type. If it holds a key or token, a copy of its facts without it is kept. */
  cause?: unknown;
}

/**
 * A provider did not answer. The subclasses say why; `retryable` says whether the failure is transient. Catch this
 * class to handle all providers alike. Keys and tokens are removed from its message, details and cause.
 */
export class ProviderError<Code extends ProviderErrorCode = ProviderErrorCode> extends TuttiError<Code> {
  /** The provider's name, for instance `anthropic`. */
  readonly provider: string;
  /** The requested model, if known. */
  readonly model: string | undefined;
  /** The HTTP status, if there was a response. */
  readonly status: number | undefined;
  /** The provider's id of the request, to quote to its support. */
  readonly requestId: string | undefined;
  /** How long the provider asked to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: Code, message: string, options: ProviderErrorOptions) {
    const { provider, model, status, retryAfterMs, retryable, details } = options;
    const requestId = options.requestId && withoutSecrets(options.requestId);
    super(code, withoutSecrets(message), {
      retryable,
      details: detailsWithoutSecrets({ provider, model, status, requestId, retryAfterMs, ...details }),
      ...('cause' in options ? { cause: causeWithoutSecrets(options.cause) } : {}),
    });
    this.provider = provider;
    this.model = model;
    this.status = status;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A rate limit was exceeded (429). Retryable, after `retryAfterMs` if it is set. */
export class ProviderRateLimitedError extends ProviderError<'TUTTI_PROVIDER_RATE_LIMITED'> {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_RATE_LIMITED', message, { ...options, retryable: options.retryable ?? true });
  }
}

/** The provider cannot answer now: 409, 425, 5xx, or an error of that kind inside an answer. Retryable. */
export class ProviderOverloadedError extends ProviderError<'TUTTI_PROVIDER_OVERLOADED'> {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_OVERLOADED', message, { ...options, retryable: options.retryable ?? true });
  }
}

/** The connection was refused, reset or cut before the answer was complete. Retryable. */
export class ProviderNetworkError extends ProviderError<'TUTTI_PROVIDER_NETWORK'> {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_NETWORK', message, { ...options, retryable: options.retryable ?? true });
  }
}

/** The provider or the connection to it timed out (408, no connection in time). Retryable. */
export class ProviderTimeoutError extends ProviderError<'TUTTI_PROVIDER_TIMEOUT'> {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_TIMEOUT', message, { ...options, retryable: options.retryable ?? true });
  }
}

/** The key is missing, invalid or lacks permission, or the account cannot pay (401, 402, 403). Not retryable. */
export class ProviderAuthError extends ProviderError<'TUTTI_PROVIDER_AUTH'> {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_AUTH', message, options);
  }
}

/** The provider rejected the request: 400, 404, 413, 422 and other 4xx. Not retryable. */
export class ProviderRequestError extends ProviderError<'TUTTI_PROVIDER_REQUEST'> {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_REQUEST', message, options);
  }
}

/** The response is not an answer: not JSON, not UTF-8, too large, a web page, a failed program. Not retryable. */
export class ProviderResponseError extends ProviderError<'TUTTI_PROVIDER_RESPONSE'> {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_RESPONSE', message, options);
  }
}

/** The model or a content filter declined to answer. Not retryable. */
export class ProviderRefusalError extends ProviderError<'TUTTI_PROVIDER_REFUSAL'> {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_REFUSAL', message, options);
  }
}
