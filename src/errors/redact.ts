import { types } from 'node:util';

const REMOVED = '[removed]';

/** Shorter values are placeholders, such as the keys of local servers, and parts of ordinary words. */
const MIN_SECRET_CHARS = 8;
const MAX_KNOWN = 2_000;

/** White space between the characters of a secret, as it is or escaped: messages wrap lines, and keys end with one. */
const GAP = '(?:\\s|\\\\+[nrt]|\\\\+u000[9adAD]|%0[AaDd]|%20)*';
const GAPS = /(?:\s|\\+[nrt]|\\+u000[9adAD]|%0[AaDd]|%20)+/g;

/** Keys and tokens that this process uses, without white space, and what finds each of them in a text. */
const known = new Map<string, RegExp | undefined>();
/** Values as they were given, so that one that comes with every call costs nothing. */
const seen = new Set<string>();

/** Keeps a key or token out of every message, cause and detail of errors from now on. */
export function rememberSecret(value: unknown): void {
  if (typeof value !== 'string' || seen.has(value)) return;
  if (seen.size >= MAX_KNOWN) seen.clear();
  seen.add(value);
  const parts = [value, ...value.split(/\s+/)];
  for (const part of parts) {
    const secret = part.replace(GAPS, '');
    if (secret.length < MIN_SECRET_CHARS) continue;
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(part).toString('base64')]) add(form);
  }
}

function add(secret: string): void {
  if (known.has(secret)) return;
  const [oldest] = known.keys();
  if (known.size >= MAX_KNOWN && oldest !== undefined) known.delete(oldest);
  known.set(secret, undefined);
}

/** Names of headers, parameters and fields whose values are secret. */
const SECRET_NAME =
  /(^|[-_])(authorization|auth|api[-_]?key|apikey|key|token|secret|password|passwd|pwd|credentials?|cookie|sig|signature)$|^(x-api-key|ocp-apim-subscription-key|set-cookie)$/i;

/** Whether a header, parameter or field of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** Remembers the secret ones among headers or parameters. */
export function rememberSecretsIn(values: Iterable<readonly [string, unknown]>): void {
  for (const [name, value] of values) if (isSecretName(name)) rememberSecret(value);
}

/** Remembers the credentials and the secret parameters of a URL. */
export function rememberSecretsInUrl(url: string | URL): void {
  if (typeof url === 'string' && !URL.canParse(url)) return;
  const { username, password, searchParams } = new URL(url);
  for (const part of [username, password]) {
    rememberSecret(part);
    rememberSecret(decodeURIComponent(part));
  }
  rememberSecretsIn(searchParams);
}

/** A key that goes on in the next line. */
const MORE = '(?:(?:\\s*[\\r\\n]\\s*|\\\\+[nr]\\s*)+(?=[\\w-]*\\d)[\\w.-]{6,})*';
/** A value that is no ordinary word: it has a digit or is long. */
const UNLIKE_WORD = '(?=[\\w.~+/=-]*\\d|[\\w.~+/=-]{16})[\\w.~+/=-]{6,}';
const NAMES =
  'api[-_ ]?key|x-api-key|x-goog-api-key|access[-_]?key(?:[-_]?id)?|access[-_]?token|refresh[-_]?token|auth[-_]?token|session[-_]?token|client[-_]?secret|secret[-_]?(?:access[-_]?)?key|authorization|ocp-apim-subscription-key|password|passwd|x-amz-signature|x-amz-security-token';

/** Keys and tokens that were not remembered, by their form. */
const FORMS: ReadonlyArray<readonly [RegExp, string]> = [
  [new RegExp(`\\b(?:sk|rk)[-_][\\w.-]{6,}${MORE}`, 'g'), REMOVED],
  [
    new RegExp(
      `\\b(?:xai|gsk|hf|nvapi|pplx|r8|tgp|fw|csk|glpat|gh[pousr]|github_pat|xox[a-z])[-_][\\w-]{12,}${MORE}`,
      'g',
    ),
    REMOVED,
  ],
  [new RegExp(`\\b(?:AIza[\\w-]{20,}|(?:AKIA|ASIA)[A-Z0-9]{12,}|ya29\\.[\\w-]{16,})${MORE}`, 'g'), REMOVED],
  [new RegExp(`\\beyJ[\\w-]{8,}\\.[\\w-]{8,}(?:\\.[\\w-]*)?${MORE}`, 'g'), REMOVED],
  [new RegExp(`\\b(Bearer|Basic|Token)(\\s+)${UNLIKE_WORD}${MORE}`, 'gi'), `$1$2${REMOVED}`],
  [
    new RegExp(
      `\\b(${NAMES})(["']?\\s*[:=]\\s*["']?)(?!\\[removed\\]|(?:Bearer|Basic|Token)\\s)[^\\s"'\`,;&<>}\\]]{4,}${MORE}`,
      'gi',
    ),
    `$1$2${REMOVED}`,
  ],
  [
    new RegExp(`\\b(token|secret|key|pwd)(["']?\\s*[:=]\\s*["']?)(?!\\d+\\b)${UNLIKE_WORD}${MORE}`, 'gi'),
    `$1$2${REMOVED}`,
  ],
  [/([?&](?:key|token|sig|signature|code|auth|secret)=)[^&\s"'<>]+/gi, `$1${REMOVED}`],
  [/(\b[a-z][\w+.-]*:\/\/)[^\s/@"'<>]+@/gi, `$1${REMOVED}@`],
];

/** A text without keys and tokens: those that were remembered, and whatever looks like one. */
export function withoutSecrets(text: string): string {
  let clean = withoutKnown(text);
  for (const [form, replacement] of FORMS) clean = clean.replace(form, replacement);
  return clean;
}

function withoutKnown(text: string): string {
  if (known.size === 0) return text;
  let clean = text;
  const joined = text.replace(GAPS, '');
  for (const [secret, finder] of known) {
    if (!joined.includes(secret)) continue;
    const pattern = finder ?? finderOf(secret);
    known.set(secret, pattern);
    clean = clean.replace(pattern, REMOVED);
  }
  return clean;
}

function finderOf(secret: string): RegExp {
  return new RegExp(
    Array.from(secret, (char) => char.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join(GAP),
    'g',
  );
}

/** Details of an error without keys and tokens; values that are not plain data become their type's name. */
export function detailsWithoutSecrets(
  details: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return cleanValue(details, 0) as Readonly<Record<string, unknown>>;
}

const MAX_DEPTH = 8;

function cleanValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return REMOVED;
  if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, cleanField(name, item, depth)]),
  );
}

function cleanField(name: string, value: unknown, depth: number): unknown {
  return typeof value === 'string' && isSecretName(name) ? REMOVED : cleanValue(value, depth + 1);
}

const MAX_NODES = 2_000;

/**
 * A thrown value without keys and tokens: itself if it holds none anywhere, else an error with the same name, message,
 * code, status and causes. Errors of clients carry their requests, with all headers.
 */
export function causeWithoutSecrets(thrown: unknown): unknown {
  if (typeof thrown === 'string') return withoutSecrets(thrown);
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return thrown;
  return isClean(thrown) ? thrown : copyOf(thrown, 0);
}

/** Looks through everything that can be reached from the value, without calling any of its code. */
function isClean(thrown: object): boolean {
  const visited = new Set<object>();
  const waiting: object[] = [thrown];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (visited.has(value)) continue;
    visited.add(value);
    // What is too large to be looked through is not kept.
    if (visited.size > MAX_NODES || types.isProxy(value)) return false;
    for (const [name, inner] of fieldsOf(value)) {
      if (typeof inner === 'string') {
        if ((isSecretName(name) && inner !== '') || withoutSecrets(inner) !== inner) return false;
      } else if (typeof inner === 'object' && inner !== null) waiting.push(inner);
    }
  }
  return true;
}

function* fieldsOf(value: object): Generator<readonly [string, unknown], void, undefined> {
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, 65_536));
    yield ['', bytes.toString('latin1')];
    return;
  }
  for (const key of Reflect.ownKeys(value)) {
    const field = Object.getOwnPropertyDescriptor(value, key);
    if (field !== undefined && 'value' in field) yield [nameOf(key), field.value];
  }
  if (types.isMap(value) || isHeaders(value)) yield* entriesOf(value);
  else if (types.isSet(value)) for (const item of value) yield ['', item];
}

function* entriesOf(
  entries: Iterable<readonly [unknown, unknown]>,
): Generator<readonly [string, unknown], void, undefined> {
  for (const [name, value] of entries) yield [String(name), value];
}

function isHeaders(value: object): value is Headers {
  return Object.prototype.toString.call(value) === '[object Headers]' && Symbol.iterator in value;
}

function nameOf(key: string | symbol): string {
  return typeof key === 'string' ? key : (key.description ?? '');
}

/** Facts about an error that are kept, if they are numbers or text. */
const KEPT = ['code', 'status', 'statusCode', 'type', 'errno', 'syscall', 'requestID'] as const;

function copyOf(thrown: object, depth: number): Error {
  const message = read(thrown, 'message');
  const copy = new Error(
    typeof message === 'string' ? withoutSecrets(message) : 'an error that held a key or token',
  );
  const fields: Record<string, unknown> = { name: textOf(read(thrown, 'name')) ?? 'Error' };
  const stack = read(thrown, 'stack');
  if (typeof stack === 'string') fields.stack = withoutSecrets(stack);
  for (const name of KEPT) {
    const value = read(thrown, name);
    if (typeof value === 'number' || typeof value === 'string') fields[name] = cleanValue(value, 0);
  }
  const cause = read(thrown, 'cause');
  if (cause !== undefined && depth < MAX_DEPTH) {
    fields.cause =
      typeof cause === 'object' && cause !== null ? copyOf(cause, depth + 1) : cleanValue(cause, 0);
  }
  for (const [name, value] of Object.entries(fields)) {
    Object.defineProperty(copy, name, { value, configurable: true, writable: true });
  }
  return copy;
}

function read(value: object, field: string): unknown {
  try {
    return (value as Record<string, unknown>)[field];
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? withoutSecrets(value) : undefined;
}
