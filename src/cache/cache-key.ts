import { InvalidArgumentError } from '../errors/input-errors.js';
import { canonicalJson } from '../hashing/canonical-json.js';
import { sha256Hex } from '../hashing/digest.js';

/**
 * What is asked: everything that can change the answer. Fields beyond these are part of the identity too.
 * A field that is `undefined` is the same as one that is left out; `params: {}` is the same as none.
 */
export interface CacheRequest {
  /** The agent's registered name. */
  agent: string;
  /** The task's text; of a conversation, that of its last turn. */
  task: string;
  /** Of a task with more than text: all turns, files by the digest of their bytes. As `cacheRequest` returns it. */
  input?: unknown;
  /** The model asked for. */
  model?: string | undefined;
  /** Every parameter that reaches the agent. Values that are not JSON are rejected. */
  params?: Readonly<Record<string, unknown>> | undefined;
  /** On whose behalf; the cache's `tenant` where left out. */
  tenant?: string | undefined;
  /** Digest of the agent's definition: instructions, version, output schema. */
  definition?: string | undefined;
}

/** What a cache adds to every request before it makes the key. */
export interface KeyContext {
  /** Tenant of requests that name none. */
  readonly tenant?: string | undefined;
  /** Applied to the task before it is hashed. */
  readonly normalizeTask?: ((task: string) => string) | undefined;
}

/** The start of every text that is hashed: raised when its layout changes, so that old keys match nothing. */
const FORMAT = 'tutti-cache-key-1;';
const KEY_LENGTH = 32;
const KNOWN_FIELDS = new Set(['agent', 'task', 'model', 'params', 'tenant', 'definition']);

/**
 * The key of a request: the first 32 hex characters of SHA-256 over its canonical text.
 *
 * @throws {@link InvalidArgumentError} when a field has the wrong type or is not JSON.
 */
export function cacheKey(request: CacheRequest, context: KeyContext = {}): string {
  return sha256Hex(canonicalRequest(request, context)).slice(0, KEY_LENGTH);
}

/**
 * One string for one request: different requests never share a string, because each part is preceded by its
 * length. Strings go in as they are rather than as JSON, which would cost more than the hash.
 */
function canonicalRequest(request: CacheRequest, context: KeyContext = {}): string {
  if (typeof request !== 'object' || request === null) throw wrongType('request', 'an object', request);
  if (typeof request.agent !== 'string') throw wrongType('request.agent', 'a string', request.agent);
  if (typeof request.task !== 'string') throw wrongType('request.task', 'a string', request.task);
  const task = context.normalizeTask === undefined ? request.task : context.normalizeTask(request.task);
  return (
    FORMAT +
    textPart('tenant', request.tenant ?? context.tenant) +
    textPart('agent', request.agent) +
    textPart('definition', request.definition) +
    textPart('model', request.model) +
    textPart('task', task) +
    paramsPart(request.params) +
    otherFieldsPart(request)
  );
}

/**
 * Names the first field in which two requests differ, for instance `model` or `params.temperature`;
 * `undefined` when they have the same key.
 */
export function explainDifference(
  first: CacheRequest,
  second: CacheRequest,
  context: KeyContext = {},
): string | undefined {
  if (canonicalRequest(first, context) === canonicalRequest(second, context)) return undefined;
  const [a, b] = [comparable(first, context), comparable(second, context)];
  for (const field of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const path = firstDifference(a[field], b[field], field);
    if (path !== undefined) return path;
  }
  return undefined;
}

function textPart(field: string, text: string | undefined): string {
  if (text === undefined) return '-;';
  if (typeof text !== 'string') throw wrongType(`request.${field}`, 'a string', text);
  return isWellFormed(text) ? `${text.length}:${text};` : escapedPart(text);
}

// Half a surrogate pair would become U+FFFD in UTF-8, and any two of them the same text.
function escapedPart(text: string): string {
  const escaped = JSON.stringify(text);
  return `!${escaped.length}:${escaped};`;
}

// In every supported Node, but newer than the language version that is compiled for.
function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

function paramsPart(params: CacheRequest['params']): string {
  if (params === undefined) return '{}';
  if (typeof params !== 'object' || params === null || Array.isArray(params)) {
    throw wrongType('request.params', 'an object', params);
  }
  return canonicalJson(params, 'request.params');
}

function otherFieldsPart(request: CacheRequest): string {
  for (const field in request) {
    if (!KNOWN_FIELDS.has(field)) return canonicalJson(otherFields(request), 'request');
  }
  return '{}';
}

function otherFields(request: CacheRequest): Record<string, unknown> {
  return Object.fromEntries(Object.entries(request).filter(([field]) => !KNOWN_FIELDS.has(field)));
}

function comparable(request: CacheRequest, context: KeyContext): Record<string, unknown> {
  return {
    tenant: request.tenant ?? context.tenant,
    agent: request.agent,
    definition: request.definition,
    model: request.model,
    task: context.normalizeTask?.(request.task) ?? request.task,
    params: request.params ?? {},
    ...otherFields(request),
  };
}

function firstDifference(a: unknown, b: unknown, path: string): string | undefined {
  if (Object.is(a, b) || (a === 0 && b === 0)) return undefined;
  if (!isRecord(a) || !isRecord(b) || Array.isArray(a) !== Array.isArray(b)) return path;
  for (const field of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
    const found = firstDifference(a[field], b[field], `${path}.${field}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function wrongType(field: string, expected: string, got: unknown): InvalidArgumentError {
  const what = got === null ? 'null' : Array.isArray(got) ? 'an array' : typeof got;
  return new InvalidArgumentError(field, `${field}: expected ${expected}, got ${what}.`, {
    details: { got: what },
  });
}
