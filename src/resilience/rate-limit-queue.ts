import { PriorityQueue } from '../collections/priority-queue.js';
import type { RateRequest } from './rate-limit-request.js';
import type { WaitingSum } from './rate-limit-usage.js';

/** Requests that wait for a lane: highest priority first, then first come; knows how much waits ahead of whom. */
export class RateLimitQueue {
  readonly #queue = new PriorityQueue<RateRequest>();
  readonly #sums = new Map<number, WaitingSum>();

  /** How many wait. */
  get size(): number {
    return this.#queue.size;
  }

  /** The next to start. */
  peek(): RateRequest | undefined {
    return this.#queue.peek();
  }

  /** Adds a request behind all of its priority. */
  push(request: RateRequest): void {
    this.#queue.push(request);
    this.#count(request, 1);
  }

  /** Takes a request out, wherever it stands. Says whether it was waiting. */
  delete(request: RateRequest): boolean {
    if (!this.#queue.delete(request)) return false;
    this.#count(request, -1);
    return true;
  }

  /** All that wait, in order. */
  snapshot(): RateRequest[] {
    const requests: RateRequest[] = [];
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      this.#queue.delete(next);
      requests.push(next);
    }
    for (const request of requests) this.#queue.push(request);
    return requests;
  }

  /** What waits at this priority or a higher one. Costs a step for each distinct priority that waits. */
  aheadOf(priority: number): WaitingSum {
    const ahead = { requests: 0, inputTokens: 0, outputTokens: 0 };
    for (const [candidate, sum] of this.#sums) {
      if (candidate < priority) continue;
      ahead.requests += sum.requests;
      ahead.inputTokens += sum.inputTokens;
      ahead.outputTokens += sum.outputTokens;
    }
    return ahead;
  }

  #count({ priority, cost }: RateRequest, sign: 1 | -1): void {
    const sum = this.#sums.get(priority) ?? { requests: 0, inputTokens: 0, outputTokens: 0 };
    sum.requests += sign;
    sum.inputTokens += sign * cost.inputTokens;
    sum.outputTokens += sign * cost.outputTokens;
    if (sum.requests === 0) this.#sums.delete(priority);
    else this.#sums.set(priority, sum);
  }
}
