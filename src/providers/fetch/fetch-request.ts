import { fieldOf } from '../../errors/foreign.js';

/** A request as it can be sent again and again. */
export interface FetchRequest {
  readonly url: string;
  /** The options of `fetch`, without a signal. */
  readonly init: RequestInit;
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
  /** The body's text; empty if it is something else. Its size says what the request takes of a limit. */
  readonly text: string;
  /** Whether the body can be sent more than once. */
  readonly isRepeatable: boolean;
  /** The model that the body names. */
  readonly model: string | undefined;
  /** The longest answer that the body asks for, in tokens. */
  readonly maxOutputTokens: number | undefined;
}

/** What `fetch` takes. */
export type FetchInput = Parameters<typeof globalThis.fetch>[0];

/** Reads what `fetch` was called with. */
export async function readFetchRequest(input: FetchInput, init: RequestInit = {}): Promise<FetchRequest> {
  const { signal, ...rest } = init;
  const own = isRequest(input) ? await initOf(input) : { url: String(input), init: {}, signal: undefined };
  const merged: RequestInit = { ...own.init, ...rest };
  const text = typeof merged.body === 'string' ? merged.body : '';
  return {
    url: own.url,
    init: merged,
    signal: signal ?? own.signal,
    text,
    isRepeatable: isRepeatable(merged.body),
    ...readModelBody(text),
  };
}

function isRequest(input: FetchInput): input is Request {
  return typeof input === 'object' && 'clone' in input;
}

/** The body is read once, so that each attempt can send it. */
async function initOf(request: Request): Promise<{ url: string; init: RequestInit; signal: AbortSignal }> {
  const { url, method, headers, redirect, signal } = request;
  const body = request.body === null ? undefined : await request.text();
  return { url, init: { method, headers, redirect, ...(body === undefined ? {} : { body }) }, signal };
}

/** Streams are used up by the first attempt. */
function isRepeatable(body: RequestInit['body']): boolean {
  if (typeof body !== 'object' || body === null) return true;
  return !('getReader' in body) && !(Symbol.asyncIterator in body);
}

/** Longest first: what a reasoning model may think counts too. */
const OUTPUT_LIMITS = ['max_completion_tokens', 'max_output_tokens', 'max_tokens'] as const;

function readModelBody(text: string): Pick<FetchRequest, 'model' | 'maxOutputTokens'> {
  const body = text.startsWith('{') ? parsed(text) : undefined;
  const model = fieldOf(body, 'model');
  const limit = OUTPUT_LIMITS.map((name) => fieldOf(body, name)).find((value) => typeof value === 'number');
  return {
    model: typeof model === 'string' ? model : undefined,
    maxOutputTokens: limit,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The service will say what is wrong with it.
    return undefined;
  }
}
