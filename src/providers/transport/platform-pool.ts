import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

/** A request as the pool gets it. */
interface PlatformRequest extends Omit<Dispatcher.RequestOptions, 'origin' | 'signal'> {
  readonly origin: string;
  readonly signal: AbortSignal | null;
  /** Called when the request is sent. */
  readonly onSent?: (() => void) | undefined;
  /** Called when the connection is free again. */
  readonly onEnd: () => void;
}

/**
 * Sends requests with the platform's own `fetch`, which keeps connections alive itself. For where undici cannot be
 * used: Bun puts a part of it in its place, and a bundle of one ES module cannot load its CommonJS.
 */
export class PlatformPool {
  async request(request: PlatformRequest): Promise<Dispatcher.ResponseData> {
    const { origin, path, method, headers, body, signal, onSent, onEnd } = request;
    onSent?.();
    const response = await fetch(new URL(path, origin), {
      method,
      headers: headers as Record<string, string>,
      body: body as string | null,
      signal,
      redirect: 'manual',
      // Only the attempt's signal limits the time. Bun's own limit is five minutes; others do not know the option.
      ...{ timeout: false },
    });
    const answer = response.body === null ? Readable.from([]) : Readable.fromWeb(response.body);
    answer.once('close', onEnd);
    return {
      statusCode: response.status,
      headers: headersOf(response),
      body: answer,
    } as unknown as Dispatcher.ResponseData;
  }

  async close(): Promise<void> {}
}

/** Without the encoding, which `fetch` has undone. */
function headersOf(response: Response): Record<string, string> {
  const headers = Object.fromEntries(response.headers);
  delete headers['content-encoding'];
  return headers;
}
