import {
  ProviderAuthError,
  type ProviderError,
  type ProviderErrorOptions,
  ProviderOverloadedError,
  ProviderRateLimitedError,
  ProviderRefusalError,
  ProviderRequestError,
  ProviderResponseError,
  ProviderTimeoutError,
} from '../../errors/provider-errors.js';

type ProviderErrorClass = new (message: string, options: ProviderErrorOptions) => ProviderError;

const BY_STATUS: Readonly<Record<number, ProviderErrorClass>> = {
  401: ProviderAuthError,
  402: ProviderAuthError,
  403: ProviderAuthError,
  408: ProviderTimeoutError,
  409: ProviderOverloadedError,
  425: ProviderOverloadedError,
  429: ProviderRateLimitedError,
};

/** The error class of an HTTP status. 5xx are transient; of 4xx only 408, 409, 425 and 429 are. */
export function errorClassOf(status: number): ProviderErrorClass {
  const known = BY_STATUS[status];
  if (known !== undefined) return known;
  if (status >= 500) return ProviderOverloadedError;
  return status >= 400 ? ProviderRequestError : ProviderResponseError;
}

/** The error types that providers use in a body, with the status that each one stands for. */
const STATUS_OF_TYPE: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  context_length_exceeded: 400,
  authentication_error: 401,
  invalid_api_key: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  model_not_found: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  insufficient_quota: 429,
  requests: 429,
  tokens: 429,
  api_error: 500,
  server_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
  service_unavailable: 503,
};

const REFUSALS: ReadonlySet<string> = new Set(['content_filter', 'content_policy_violation']);

/** The content of an error body, of any provider. */
export interface ErrorBody {
  readonly type: string | undefined;
  readonly code: string | undefined;
  readonly message: string | undefined;
}

/** Reads `{ error: { type, code, message } }`, or the same without the outer object; `undefined` for anything else. */
export function readErrorBody(body: unknown): ErrorBody | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const inner = (body as { error?: unknown }).error ?? body;
  if (typeof inner === 'string') return { type: undefined, code: undefined, message: inner };
  if (typeof inner !== 'object' || inner === null) return undefined;
  const { type, code, message } = inner as Record<string, unknown>;
  return {
    type: typeof type === 'string' ? type : undefined,
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : undefined,
    message: typeof message === 'string' ? message : undefined,
  };
}

/**
 * The error for a failed exchange. The body takes precedence if it is more exact than the status: for a content filter,
 * or an error inside a response of status 200.
 */
export function errorFromAnswer(
  status: number | undefined,
  body: ErrorBody | undefined,
  options: ProviderErrorOptions,
): ProviderError {
  const meant = status !== undefined && status >= 400 ? status : impliedStatus(body);
  const refused = REFUSALS.has(body?.code ?? '') || REFUSALS.has(body?.type ?? '');
  const Class = refused
    ? ProviderRefusalError
    : meant === undefined
      ? ProviderResponseError
      : errorClassOf(meant);
  // A quota that is used up does not come back while a call waits.
  const spent = body?.code === 'insufficient_quota' || body?.type === 'insufficient_quota';
  return new Class(describe(status, meant, body, options.provider), {
    ...options,
    ...(spent ? { retryable: false } : {}),
    status,
    details: { ...options.details, errorType: body?.type, errorCode: body?.code },
  });
}

function impliedStatus(body: ErrorBody | undefined): number | undefined {
  const code = Number(body?.code);
  if (Number.isInteger(code) && code >= 400 && code < 600) return code;
  return STATUS_OF_TYPE[body?.code ?? ''] ?? STATUS_OF_TYPE[body?.type ?? ''];
}

const REDIRECTED = ' It redirects to another address: set the base URL to that address.';

const HINTS: Readonly<Record<number, string>> = {
  401: ' Check the API key.',
  403: ' The key is not allowed to do this.',
  404: ' Check the model name and the base URL.',
  413: ' Send a shorter task.',
};

const MAX_MESSAGE_CHARS = 500;

function describe(
  status: number | undefined,
  meant: number | undefined,
  body: ErrorBody | undefined,
  provider: string,
): string {
  const isPlain = status !== undefined && (status < 200 || status >= 300);
  const where = isPlain ? `with status ${status}` : 'with an error in its answer';
  const said = body?.message?.slice(0, MAX_MESSAGE_CHARS) ?? body?.type ?? 'no reason given';
  const hint = isPlain && status < 400 ? REDIRECTED : (HINTS[meant ?? 0] ?? '');
  return `${provider} failed ${where}: ${said}${/[.!?]$/.test(said) ? '' : '.'}${hint}`;
}
