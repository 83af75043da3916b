import {
  ProviderAuthError,
  type ProviderError,
  type ProviderErrorOptions,
  ProviderNetworkError,
  ProviderResponseError,
  ProviderTimeoutError,
} from '../../errors/provider-errors.js';
import { TuttiError } from '../../errors/tutti-error.js';
import { isCodeFault } from '../../resilience/retry/code-fault.js';
import { type HeaderSource, parseRetryAfterMs } from '../../resilience/retry/retry-after.js';
import { BodyFault } from './body-guard.js';
import { type ErrorBody, readErrorBody } from './error-body.js';
import { errorFromAnswer } from './http-status.js';

/** Facts about a failed exchange. */
export interface ExchangeFacts {
  readonly provider: string;
  readonly model: string | undefined;
  /** The status, if the headers had arrived. */
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
  /** The text of the body, if it is known: clients keep only a part of it, and not in every error. */
  readonly body?: string | undefined;
}

/**
 * The fields of a client's error that are read. Its class is not used, since a client may exist in several copies and
 * realms.
 */
interface ForeignError {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly error?: unknown;
  readonly headers?: unknown;
  readonly requestID?: unknown;
}

/**
 * Turns an error of a client into a provider error. If the signal is aborted, returns its reason instead, which clients
 * replace with an error of their own.
 */
export function translateClientError(thrown: unknown, facts: ExchangeFacts, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (TuttiError.isInstance(thrown)) return thrown;
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as ForeignError;
  const options = baseOptions(error, facts, thrown);
  return (
    fromStatus(error, facts, options) ??
    fromBodyFault(error, options) ??
    fromCodeFault(error, options) ??
    fromConnection(error, options) ??
    fromBody(error, facts, options) ??
    fromSetup(error, options) ??
    new ProviderResponseError(`${facts.provider} failed: ${messageOf(error)}.`, options)
  );
}

function baseOptions(error: ForeignError, facts: ExchangeFacts, cause: unknown): ProviderErrorOptions {
  const headers = isHeaderSource(error.headers) ? error.headers : undefined;
  return {
    provider: facts.provider,
    model: facts.model,
    status: facts.status,
    requestId: facts.requestId ?? (typeof error.requestID === 'string' ? error.requestID : undefined),
    retryAfterMs: headers === undefined ? undefined : parseRetryAfterMs(headers),
    cause,
  };
}

function fromStatus(
  error: ForeignError,
  facts: ExchangeFacts,
  options: ProviderErrorOptions,
): ProviderError | undefined {
  const status = error.status ?? error.statusCode;
  if (typeof status !== 'number') return undefined;
  const asked = isHeaderSource(error.headers) ? error.headers.get('x-should-retry') : null;
  const retryable = asked === 'true' ? true : asked === 'false' ? false : undefined;
  return errorFromAnswer(status, readSaid(error, facts), {
    ...options,
    ...(retryable === undefined ? {} : { retryable }),
  });
}

/** What the provider said: in the body, else in the part of it that the client keeps, else in the client's message. */
function readSaid(error: ForeignError, facts: ExchangeFacts): ErrorBody | undefined {
  const said = readErrorBody(facts.body) ?? readErrorBody(error.error);
  if (said?.message !== undefined) return said;
  // Clients begin their messages with the status.
  const message = messageOf(error).replace(/^\d{3} /, '');
  if (typeof error.message !== 'string' || /^status code \(no body\)|^\(no status/.test(message)) return said;
  const { type, code } = said ?? {};
  const read = readErrorBody(message);
  return read && { ...read, type: read.type ?? type, code: read.code ?? code };
}

function fromBodyFault(error: ForeignError, options: ProviderErrorOptions): ProviderError | undefined {
  if (!(error instanceof BodyFault)) return undefined;
  if (error.kind === 'cut') return cutError(options);
  if (error.kind === 'not-utf8') {
    return new ProviderResponseError(`${options.provider} sent bytes that are not UTF-8.`, options);
  }
  return new ProviderResponseError(
    `${options.provider} sent more than maxResponseBytes (${error.limitBytes}); raise it if such long answers are expected.`,
    { ...options, details: { maxResponseBytes: error.limitBytes } },
  );
}

/** The error for an answer that ended before it was complete. */
export function cutError(options: ProviderErrorOptions): ProviderNetworkError {
  return new ProviderNetworkError(`The answer of ${options.provider} was cut off before its end.`, options);
}

/** A bug, or a module that cannot be loaded, which clients report as a failed connection. */
function fromCodeFault(error: ForeignError, options: ProviderErrorOptions): ProviderError | undefined {
  if (!isCodeFault(error)) return undefined;
  return new ProviderResponseError(
    `${options.provider} failed before there was an answer, because of a fault in code and not in the network: ${innermost(error)}.`,
    options,
  );
}

/** The last cause of an error, which clients wrap in errors of their own. Values of headers, such as a key, stay out. */
function innermost(error: ForeignError): string {
  let current: ForeignError = error;
  for (let depth = 0; depth < 5 && typeof current.cause === 'object' && current.cause !== null; depth += 1)
    current = current.cause;
  const message = messageOf(current);
  return /header/i.test(message)
    ? `${String(current.name)} (invalid header)`
    : `${String(current.name)}: ${message}`;
}

const TIMEOUT_CODES = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT']);
const NETWORK_CODE =
  /^(ECONN|EPIPE|ENOTFOUND|EAI_|ENET|EHOST|EADDR|ETIMEDOUT|UND_ERR_|HPE_|Connection(Refused|Closed)|FailedToOpenSocket|ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;
/** An invalid certificate stays invalid when the request is retried. */
const CERTIFICATE_CODE = /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;

const NOTHING_LISTENS = ' Nothing listens there: start the server, or correct its address.';
const UNKNOWN_NAME = ' Its name cannot be resolved: check the address and the network.';
const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: NOTHING_LISTENS,
  ConnectionRefused: NOTHING_LISTENS,
  ENOTFOUND: UNKNOWN_NAME,
  EAI_AGAIN: UNKNOWN_NAME,
};

/** The server that a request went to, if the error says so: its origin, else its host or address and port. */
function addressOf(error: ForeignError): string | undefined {
  let current: unknown = error;
  let found: string | undefined;
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth += 1) {
    const { origin, hostname, address, port, cause, errors } = current as Record<string, unknown>;
    if (typeof origin === 'string') return origin;
    const host = typeof address === 'string' ? address : hostname;
    if (typeof host === 'string') found ??= port === undefined ? host : `${host}:${String(port)}`;
    current = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return found;
}

function fromConnection(error: ForeignError, options: ProviderErrorOptions): ProviderError | undefined {
  const code = networkCode(error);
  const address = addressOf(error);
  const server = address === undefined ? options.provider : `${options.provider} at ${address}`;
  if (code !== undefined) {
    const details = { code, ...(address === undefined ? {} : { address }) };
    if (TIMEOUT_CODES.has(code)) {
      return new ProviderTimeoutError(`No connection to ${server} in time (${code}).`, {
        ...options,
        details,
      });
    }
    return new ProviderNetworkError(`The connection to ${server} failed (${code}).${HINTS[code] ?? ''}`, {
      ...options,
      ...(CERTIFICATE_CODE.test(code) ? { retryable: false } : {}),
      details,
    });
  }
  const message = messageOf(error);
  if (/timed out/i.test(message)) {
    return new ProviderTimeoutError(`${options.provider} did not answer in time.`, options);
  }
  if (/^(Connection error|fetch failed|terminated)/.test(message)) {
    return new ProviderNetworkError(`The connection to ${server} failed.`, options);
  }
  return undefined;
}

/** The first network code of the error, its causes, or the first error of an AggregateError among them. */
function networkCode(error: ForeignError): string | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth += 1) {
    const { code, cause, errors } = current as ForeignError & { errors?: unknown };
    if (typeof code === 'string' && NETWORK_CODE.test(code)) return code;
    current = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return undefined;
}

function fromBody(
  error: ForeignError,
  facts: ExchangeFacts,
  options: ProviderErrorOptions,
): ProviderError | undefined {
  const body = readErrorBody(error.error);
  if (body !== undefined) return errorFromAnswer(facts.status, body, options);
  if (error.name !== 'SyntaxError') return undefined;
  if (facts.body !== undefined && !/[\]}]\s*$/.test(facts.body)) return cutError(options);
  return new ProviderResponseError(`${options.provider} sent an answer that is not JSON.`, options);
}

/** The environment variables that the official clients read their keys from. */
const KEY_VARIABLES: Readonly<Record<string, string>> = {
  anthropic: 'ANTHROPIC_API_KEY',
  openai: 'OPENAI_API_KEY',
};

/** Clients report a missing key before they send anything. */
function fromSetup(error: ForeignError, options: ProviderErrorOptions): ProviderError | undefined {
  if (!/credentials|authentication|api ?key/i.test(messageOf(error))) return undefined;
  const variable = KEY_VARIABLES[options.provider];
  const cure =
    variable === undefined
      ? messageOf(error)
      : `set the environment variable ${variable}, or the option apiKey of ${options.provider}().`;
  return new ProviderAuthError(`${options.provider} has no API key: ${cure}`, options);
}

function messageOf(error: ForeignError): string {
  return typeof error.message === 'string' && error.message !== ''
    ? error.message
    : String(error.name ?? 'no reason given');
}

function isHeaderSource(value: unknown): value is HeaderSource {
  return typeof value === 'object' && value !== null && typeof (value as HeaderSource).get === 'function';
}
