/** What a provider says about a failure, in the form of any provider. */
export interface ErrorBody {
  readonly type: string | undefined;
  readonly code: string | undefined;
  readonly message: string | undefined;
  /** The categories that a content filter found, for instance `hate (high)`. */
  readonly filtered?: readonly string[] | undefined;
  /** How long to wait, in milliseconds, where the body says it. */
  readonly retryAfterMs?: number | undefined;
}

/** Bodies nest errors in errors, and some JSON in strings. */
const MAX_DEPTH = 5;

/**
 * Reads an error body: `{ error: { type, code, message } }` and the same without the outer object (OpenAI, Anthropic), a
 * list of those (Gemini), `{ detail }` (FastAPI), `{ errors }` (Cloudflare), `{ __type, message }` (AWS), problem
 * details (RFC 9457), JSON in a string, a web page, or plain text. `undefined` if it says nothing about a failure.
 */
export function readErrorBody(body: unknown, depth = 0): ErrorBody | undefined {
  if (depth > MAX_DEPTH) return undefined;
  if (typeof body === 'string') return readText(body, depth);
  if (Array.isArray(body)) return readList(body, depth);
  return typeof body === 'object' && body !== null ? readObject(body, depth) : undefined;
}

function readList(list: readonly unknown[], depth: number): ErrorBody | undefined {
  const read = list.map((item) => readErrorBody(item, depth + 1)).filter((error) => error !== undefined);
  const [first] = read;
  if (first === undefined) return undefined;
  const messages = read.flatMap(({ message }) => message ?? []);
  const retryAfterMs = read.find((error) => error.retryAfterMs !== undefined)?.retryAfterMs;
  return { ...first, retryAfterMs, message: messages.length === 0 ? undefined : messages.join('; ') };
}

function readObject(object: object, depth: number): ErrorBody | undefined {
  const fields = object as Fields;
  const own = ownError(fields, depth);
  const inner = firstError([fields.error, fields.errors, fields.fault], depth);
  if (inner !== undefined) return joinErrors(own, inner, typeof fields.error === 'string');
  const detail = firstError([fields.detail, fields.details], depth);
  if (own?.message === undefined) return detail === undefined ? own : joinErrors(own, detail, false);
  const isTitle = own.message === fields.title && detail?.message !== undefined;
  const message = isTitle ? `${own.message}: ${detail.message}` : own.message;
  const retryAfterMs = own.retryAfterMs ?? detail?.retryAfterMs;
  return withReason({ ...own, message, retryAfterMs }, fields, depth);
}

type Fields = Readonly<Record<string, unknown>>;

function firstError(values: readonly unknown[], depth: number): ErrorBody | undefined {
  for (const value of values) {
    const error = readErrorBody(value, depth + 1);
    if (error !== undefined) return error;
  }
  return undefined;
}

/** The inner error, with what only the object around it says. A name alone is not the reason. */
function joinErrors(outer: ErrorBody | undefined, inner: ErrorBody, isName: boolean): ErrorBody {
  const names = { type: inner.type ?? outer?.type, code: inner.code ?? outer?.code };
  const isExplained = isName && outer?.message !== undefined && outer.message !== inner.message;
  const message = isExplained ? `${inner.message}: ${outer.message}` : (inner.message ?? outer?.message);
  return { ...inner, ...names, message };
}

const MESSAGES = [
  'message',
  'Message',
  'msg',
  'errorMessage',
  'error_message',
  'error_description',
  'faultstring',
  'title',
  'reason',
] as const;

/** The error that the fields of one object make; `undefined` if they are about something else. */
function ownError(fields: Fields, depth: number): ErrorBody | undefined {
  const text = MESSAGES.map((name) => fields[name]).find(
    (value) => typeof value === 'string' && value !== '',
  );
  const hasNumber = Number.isInteger(fields.code);
  const type = shortName(textOf(fields.type ?? fields.__type ?? (hasNumber ? fields.status : undefined)));
  const code = textOf(fields.code ?? fields.errorCode ?? fields.error_code ?? fields.statusCode);
  const retryAfterMs = secondsOf(fields.retryDelay);
  if (text === undefined && code === undefined && retryAfterMs === undefined) {
    const isError = type !== undefined && (depth > 0 || /.(error|exception)/i.test(type));
    return isError ? { type, code, message: undefined } : undefined;
  }
  const message = [locationOf(fields), text as string | undefined].filter(Boolean).join(': ');
  return {
    type,
    code,
    message: message === '' ? undefined : message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** A gateway repeats in its metadata what the service behind it said; Azure says what its filter found. */
function withReason(own: ErrorBody, { metadata, innererror }: Fields, depth: number): ErrorBody {
  const raw = fieldOf(metadata, 'raw');
  const behind = raw === undefined ? undefined : readErrorBody(raw, depth + 1)?.message;
  const filtered = filteredIn(fieldOf(innererror, 'content_filter_result'));
  return {
    ...own,
    message:
      behind === undefined || own.message?.includes(behind) ? own.message : `${own.message ?? ''}: ${behind}`,
    ...(filtered.length === 0 ? {} : { filtered }),
  };
}

function filteredIn(result: unknown): string[] {
  if (typeof result !== 'object' || result === null) return [];
  return Object.entries(result).flatMap(([category, found]) => {
    if (fieldOf(found, 'filtered') !== true) return [];
    const severity = fieldOf(found, 'severity');
    return [typeof severity === 'string' ? `${category} (${severity})` : category];
  });
}

/** The place of an error in the request, as FastAPI reports it: `body.messages`. */
function locationOf({ loc }: Fields): string {
  return Array.isArray(loc) ? loc.map(String).join('.') : '';
}

function readText(text: string, depth: number): ErrorBody | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  if (/^[[{]/.test(trimmed)) {
    const inner = tryJson(trimmed);
    const read = inner === undefined ? undefined : readErrorBody(inner, depth + 1);
    if (read !== undefined) return read;
  }
  const message = /^<(!doctype|html|\?xml|head|body|[a-z]+[\s>])/i.test(trimmed)
    ? pageText(trimmed)
    : trimmed;
  return { type: undefined, code: undefined, message };
}

/** The title or heading of a page says what happened; without one, its text. */
function pageText(page: string): string | undefined {
  const heading =
    /<(message|title|h1)[^>]*>([^<]+)</i.exec(page)?.[2] ??
    page.replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ');
  const text = heading.replace(/\s+/g, ' ').trim();
  return text === '' ? undefined : text;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** `com.amazon.coral.service#ThrottlingException` without the package. */
function shortName(type: string | undefined): string | undefined {
  return type?.slice(type.lastIndexOf('#') + 1).split(':', 1)[0];
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A duration such as `12s` or `1.5s`, in milliseconds. */
function secondsOf(delay: unknown): number | undefined {
  const seconds = typeof delay === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(delay)?.[1] : undefined;
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;
}
