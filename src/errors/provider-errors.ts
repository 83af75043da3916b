import type { ErrorCode } from './codes.js';
import { TuttiError } from './tutti-error.js';

/** What is known about a failed exchange with a provider. */
export interface ProviderErrorOptions {
  /** The provider's kind, for instance `anthropic`. */
  provider: string;
  /** The model that was asked, where known. */
  model?: string | undefined;
  /** HTTP status, where there was an answer. */
  status?: number | undefined;
  /** The provider's id of the request, for its support. */
  requestId?: string | undefined;
  /** How long the provider asked to wait, in milliseconds. */
  retryAfterMs?: number | undefined;
  /** Overrides what the class says, where the provider says otherwise for this one failure. */
  retryable?: boolean | undefined;
  /** More plain facts: exit codes, limits, sizes. Never prompts, answers or secrets. */
  details?: Readonly<Record<string, unknown>> | undefined;
  /** What was thrown originally, whatever its type. */
  cause?: unknown;
}

/**
 * A provider did not give an answer. The subclasses say why; `retryable` says whether it can pass.
 * Catch this class to treat every provider alike.
 */
export class ProviderError extends TuttiError {
  /** The provider's kind, for instance `anthropic`. */
  readonly provider: string;
  /** The model that was asked, where known. */
  readonly model: string | undefined;
  /** HTTP status, where there was an answer. */
  readonly status: number | undefined;
  /** The provider's id of the request, for its support. */
  readonly requestId: string | undefined;
  /** How long the provider asked to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: ProviderErrorOptions) {
    const { provider, model, status, requestId, retryAfterMs, retryable, details } = options;
    super(code, message, {
      retryable,
      details: { provider, model, status, requestId, retryAfterMs, ...details },
      ...('cause' in options ? { cause: options.cause } : {}),
    });
    this.provider = provider;
    this.model = model;
    this.status = status;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Too many requests or tokens in a time (429). Retryable, after `retryAfterMs` where it is given. */
export class ProviderRateLimitedError extends ProviderError {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_RATE_LIMITED', message, { ...options, retryable: options.retryable ?? true });
  }
}

/** The provider cannot answer now: 409, 425, 5xx, 529, or an error of that kind inside an answer. Retryable. */
export class ProviderOverloadedError extends ProviderError {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_OVERLOADED', message, { ...options, retryable: options.retryable ?? true });
  }
}

/** The connection was refused, reset or cut before the answer was complete. Retryable. */
export class ProviderNetworkError extends ProviderError {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_NETWORK', message, { ...options, retryable: options.retryable ?? true });
  }
}

/** The provider, or the way to it, gave up waiting (408, no connection in time). Retryable. */
export class ProviderTimeoutError extends ProviderError {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_TIMEOUT', message, { ...options, retryable: options.retryable ?? true });
  }
}

/** The key is missing, wrong or not allowed to do this (401, 402, 403). Not retryable. */
export class ProviderAuthError extends ProviderError {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_AUTH', message, options);
  }
}

/** The provider does not accept the request as it is: 400, 404, 413, 422 and other 4xx. Not retryable. */
export class ProviderRequestError extends ProviderError {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_REQUEST', message, options);
  }
}

/** What came back is not an answer: not JSON, not UTF-8, too large, a web page, a program's failure. Not retryable. */
export class ProviderResponseError extends ProviderError {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_RESPONSE', message, options);
  }
}

/** The model, or a filter in front of it, declined to answer. Not retryable. */
export class ProviderRefusalError extends ProviderError {
  constructor(message: string, options: ProviderErrorOptions) {
    super('TUTTI_PROVIDER_REFUSAL', message, options);
  }
}
