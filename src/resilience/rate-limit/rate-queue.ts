import type { Clock } from '../../time/clock.js';
import { type FairnessOptions, FairQueue } from '../permits/fair-queue.js';
import type { RateRequest } from './rate-request.js';
import type { WaitingSum } from './usage.js';

/**
 * Requests that wait for a lane: shared fairly between tenants, within one highest priority first, then first come.
 * Knows how much waits ahead of whom, and who has a deadline.
 */
export class RateLimitQueue {
  /** Those that wait and have a deadline. */
  readonly hurried = new Set<RateRequest>();
  readonly #queue: FairQueue<RateRequest>;
  readonly #sums = new Map<string, Map<number, WaitingSum>>();

  constructor(clock: Clock, fairness: FairnessOptions | undefined) {
    this.#queue = new FairQueue(clock, fairness);
  }

  /** How many wait. */
  get size(): number {
    return this.#queue.size;
  }

  /** The next to start. */
  peek(): RateRequest | undefined {
    return this.#queue.peek();
  }

  /** Adds a request. */
  push(request: RateRequest): void {
    request.place = this.#queue.push(request, request);
    this.#count(request, 1);
    if (request.deadlineAtMs !== Number.POSITIVE_INFINITY) this.hurried.add(request);
  }

  /** Takes the next; its tenant is charged. */
  shift(): void {
    const request = this.#queue.pop();
    if (request !== undefined) this.#left(request);
  }

  /** Takes a request out, wherever it stands; nobody is charged. */
  delete(request: RateRequest): void {
    if (request.place !== undefined && this.#queue.remove(request.place)) this.#left(request);
  }

  /**
   * What is sure to go before a request of this tenant and priority: the tenant's own requests of this priority and
   * above. What others have waiting may go before it too, but need not. Costs a step for each of the tenant's
   * distinct priorities.
   */
  aheadOf(tenant: string, priority: number): WaitingSum {
    const ahead = { requests: 0, inputTokens: 0, outputTokens: 0 };
    for (const [candidate, sum] of this.#sums.get(tenant) ?? []) {
      if (candidate < priority) continue;
      ahead.requests += sum.requests;
      ahead.inputTokens += sum.inputTokens;
      ahead.outputTokens += sum.outputTokens;
    }
    return ahead;
  }

  #left(request: RateRequest): void {
    request.place = undefined;
    this.hurried.delete(request);
    this.#count(request, -1);
  }

  #count({ tenant = '', priority, cost }: RateRequest, sign: 1 | -1): void {
    const ofTenant = this.#sums.get(tenant) ?? new Map<number, WaitingSum>();
    const sum = ofTenant.get(priority) ?? { requests: 0, inputTokens: 0, outputTokens: 0 };
    sum.requests += sign;
    sum.inputTokens += sign * cost.inputTokens;
    sum.outputTokens += sign * cost.outputTokens;
    if (sum.requests === 0) ofTenant.delete(priority);
    else ofTenant.set(priority, sum);
    if (ofTenant.size === 0) this.#sums.delete(tenant);
    else this.#sums.set(tenant, ofTenant);
  }
}
