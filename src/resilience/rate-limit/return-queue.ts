import { IndexedHeap } from '../../collections/indexed-heap.js';
import type { RateRequest } from './rate-request.js';

/**
 * Which of the requests that are ready goes first: the one that has been ready longest, the one with the most failed
 * attempts, or the one with the fewest, of those the newest.
 */
export type ReturnOrder = 'ready' | 'most-failures' | 'fewest-failures';

const NOTHING = Object.freeze({ request: undefined, nextMs: Number.POSITIVE_INFINITY });

/**
 * Requests that go before those in the queue: retries, each once its backoff has passed, and requests that a lane in
 * trouble holds until it is known to be down. Ordered by the time at which they are ready.
 */
export class ReturnQueue {
  readonly #heap = new IndexedHeap();
  readonly #requests: RateRequest[] = [];
  readonly #handles = new Map<RateRequest, number>();

  get size(): number {
    return this.#handles.size;
  }

  /** All of them, in no particular order. */
  values(): IterableIterator<RateRequest> {
    return this.#handles.keys();
  }

  push(request: RateRequest): void {
    const handle = this.#heap.push(request.readyAtMs);
    this.#requests[handle] = request;
    this.#handles.set(request, handle);
  }

  /** Removes a request; returns whether it was there. */
  delete(request: RateRequest): boolean {
    const handle = this.#handles.get(request);
    if (handle === undefined) return false;
    this.#handles.delete(request);
    return this.#heap.remove(handle);
  }

  /** When the first of them is ready, in milliseconds of the clock; infinite without any. */
  get nextReadyMs(): number {
    return this.#peek()?.readyAtMs ?? Number.POSITIVE_INFINITY;
  }

  /**
   * The next request to start: of those that are ready and may start by `allowsAtMs` the first in this order. Without one, `nextMs` is when there will be, in milliseconds of the clock; infinite if that
   * depends on other things than time.
   */
  next(
    nowMs: number,
    allowsAtMs: (request: RateRequest, nowMs: number) => number,
    order: ReturnOrder,
  ): { readonly request: RateRequest | undefined; readonly nextMs: number } {
    const first = this.#peek();
    if (first === undefined) return NOTHING;
    if (first.readyAtMs > nowMs) return { request: undefined, nextMs: first.readyAtMs };
    if (order === 'ready' && allowsAtMs(first, nowMs) <= nowMs) return { request: first, nextMs: nowMs };
    return this.#search(nowMs, allowsAtMs, order);
  }

  /** Makes them ready, whatever is left of their backoff, unless the provider demanded a longer wait of a call. */
  release(nowMs: number): void {
    for (const [request, handle] of this.#handles) {
      request.heldSinceMs = undefined;
      if (request.readyAtMs <= nowMs) continue;
      request.readyAtMs = Math.max(nowMs, request.outlook.demandedAtMs);
      this.#heap.update(handle, request.readyAtMs);
    }
  }

  /** Looks at all of them. */
  #search(
    nowMs: number,
    allowsAtMs: (request: RateRequest, nowMs: number) => number,
    order: ReturnOrder,
  ): { readonly request: RateRequest | undefined; readonly nextMs: number } {
    let found: RateRequest | undefined;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const request of this.#handles.keys()) {
      const atMs = Math.max(request.readyAtMs, allowsAtMs(request, nowMs));
      if (atMs > nowMs) nextMs = Math.min(nextMs, atMs);
      else if (found === undefined || goesBefore(request, found, order)) found = request;
    }
    return { request: found, nextMs };
  }

  #peek(): RateRequest | undefined {
    const handle = this.#heap.peek();
    return handle === undefined ? undefined : this.#requests[handle];
  }
}

function goesBefore(a: RateRequest, b: RateRequest, order: ReturnOrder): boolean {
  const failures = a.outlook.failures - b.outlook.failures;
  if (order === 'ready' || failures === 0) {
    return order === 'fewest-failures' ? a.readyAtMs >= b.readyAtMs : a.readyAtMs < b.readyAtMs;
  }
  return order === 'most-failures' ? failures > 0 : failures < 0;
}
