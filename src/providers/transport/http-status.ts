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
import { withoutSecrets } from '../../errors/redact.js';
import type { ErrorBody } from './error-body.js';

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

/** The error types that providers use in a body, in lower case, with the status that each one stands for. */
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
  // Google
  invalid_argument: 400,
  failed_precondition: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  aborted: 409,
  resource_exhausted: 429,
  internal: 500,
  unavailable: 503,
  deadline_exceeded: 504,
  // AWS
  validationexception: 400,
  unrecognizedclientexception: 401,
  expiredtokenexception: 401,
  accessdeniedexception: 403,
  resourcenotfoundexception: 404,
  throttlingexception: 429,
  servicequotaexceededexception: 429,
  modelnotreadyexception: 429,
  modeltimeoutexception: 504,
  modelstreamerrorexception: 500,
  internalserverexception: 500,
  serviceunavailableexception: 503,
};

const REFUSALS: ReadonlySet<string> = new Set([
  'content_filter',
  'content_policy_violation',
  'responsibleaipolicyviolation',
]);

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
  const names = [body?.code, body?.type].map((name) => name?.toLowerCase() ?? '');
  const refused = names.some((name) => REFUSALS.has(name));
  const Class = refused
    ? ProviderRefusalError
    : meant === undefined
      ? ProviderResponseError
      : errorClassOf(meant);
  // A quota that is used up does not come back while a call waits.
  const spent = names.includes('insufficient_quota');
  return new Class(describe(status, refused ? REFUSED : spent ? SPENT : meant, body, options), {
    ...options,
    retryAfterMs: options.retryAfterMs ?? body?.retryAfterMs,
    ...(spent ? { retryable: false } : {}),
    status,
    details: { ...options.details, errorType: body?.type, errorCode: body?.code },
  });
}

function impliedStatus(body: ErrorBody | undefined): number | undefined {
  const code = Number(body?.code);
  if (Number.isInteger(code) && code >= 400 && code < 600) return code;
  return statusOf(body?.code) ?? statusOf(body?.type);
}

function statusOf(type: string | undefined): number | undefined {
  const name = type?.toLowerCase() ?? '';
  return Object.hasOwn(STATUS_OF_TYPE, name) ? STATUS_OF_TYPE[name] : undefined;
}

const REDIRECTED = ' It redirects to another address: set the base URL to that address.';

/** Failures that their status does not describe. */
const REFUSED = 'refused';
const SPENT = 'spent';

const HINTS: Readonly<Record<number | string, string>> = {
  400: ' Check the parameters and the task.',
  401: ' Check the API key.',
  402: ' Check the plan and the billing of the account.',
  403: ' The key is not allowed to do this.',
  404: ' Check the model name and the base URL.',
  413: ' Send a shorter task.',
  422: ' Check the parameters and the task.',
  [REFUSED]: ' Change the task, or the settings of the content filter.',
  [SPENT]: ' The quota is used up: check the plan and the billing of the account.',
};

/** What to do about a status; a service has an address and no model. */
function hintFor(status: number | string | undefined, url: unknown): string {
  if (status === 404 && typeof url === 'string') return ` There is nothing at ${url}: check the url.`;
  return HINTS[status ?? ''] ?? '';
}

const MAX_MESSAGE_CHARS = 500;

function describe(
  status: number | undefined,
  meant: number | string | undefined,
  body: ErrorBody | undefined,
  { provider, details }: ProviderErrorOptions,
): string {
  const isPlain = status !== undefined && (status < 200 || status >= 300);
  const where = isPlain ? `with status ${status}` : 'with an error in its answer';
  // Before it is cut: half a key could not be recognised.
  const message = body?.message && withoutSecrets(body.message).slice(0, MAX_MESSAGE_CHARS);
  const said = message || body?.type || 'no reason given';
  const filtered = body?.filtered === undefined ? '' : ` Filtered: ${body.filtered.join(', ')}.`;
  const hint = isPlain && status < 400 ? REDIRECTED : hintFor(meant, details?.url);
  return `${provider} failed ${where}: ${said}${/[.!?]$/.test(said) ? '' : '.'}${filtered}${hint}`;
}
