import type { ResolvedFairnessSettings } from '../../contracts/traffic.js';
import type { Clock } from '../../time/clock.js';
import { FairQueue } from '../permits/fair-queue.js';
import type { RateRequest } from './rate-request.js';
import type { WaitingSum } from './usage.js';

/**
 * Requests that wait for a lane, shared fairly between tenants; within a tenant the highest priority goes first, then
 * order of arrival. Knows how much is waiting ahead of a request.
 */
export class RateQueue {
  readonly #queue: FairQueue<RateRequest>;
  readonly #sums = new Map<string, Map<number, WaitingSum>>();

  constructor(clock: Clock, fairness: ResolvedFairnessSettings | undefined) {
    this.#queue = new FairQueue(clock, fairness);
  }

  get size(): number {
    return this.#queue.size;
  }

  /** The next to start. */
  peek(): RateRequest | undefined {
    return this.#queue.peek();
  }

  /** All of them, in no particular order. */
  values(): Iterable<RateRequest> {
    return this.#queue.values();
  }

  push(request: RateRequest): void {
    request.handle = this.#queue.push(request, request);
    this.#count(request, 1);
  }

  /** Removes the next to start and charges it to its tenant. */
  shift(): void {
    const request = this.#queue.pop();
    if (request !== undefined) this.#left(request);
  }

  /** Removes a request, wherever it is in the queue, and charges no tenant. */
  delete(request: RateRequest): void {
    if (request.handle !== undefined && this.#queue.remove(request.handle)) this.#left(request);
  }

  /**
   * What certainly goes before a request of this tenant and priority: the tenant's own waiting requests of at least
   * this priority. Requests of other tenants may go first too, but need not. Costs one step per distinct priority
   * among the tenant's waiting requests.
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
    request.handle = undefined;
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
