// The request that every client but tutti's providers sends, and what there is to know about its failure.

export class HttpError extends Error {
  constructor(status, headers) {
    super(`status ${status}`);
    this.status = status;
    this.headers = headers;
  }
}

/** One request to Anthropic's messages. Rejects with `HttpError`, or with what `fetch` throws. */
export async function post({ url, model, prompt }, timeoutMs) {
  const response = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 100, messages: [{ role: 'user', content: prompt }] }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const body = await response.json();
  if (!response.ok) throw new HttpError(response.status, response.headers);
  return body.content[0].text;
}

/** Network faults and timeouts have no status. */
export function isTransient({ status }) {
  return status === undefined || status === 408 || status === 409 || status === 429 || status >= 500;
}

/** The wait that the server demands, or `undefined`. */
export function retryAfterMs({ headers }) {
  if (headers?.has('retry-after-ms')) return Number(headers.get('retry-after-ms'));
  if (headers?.has('retry-after')) return 1_000 * Number(headers.get('retry-after'));
  return undefined;
}
