import type { Provider, ProviderRequest } from '../../../src/contracts/provider.js';
import type { RateLimits } from '../../../src/contracts/rate-limits.js';
import type { AgentReplyObject } from '../../../src/contracts/reply.js';
import { ProviderRateLimitedError } from '../../../src/errors/provider-errors.js';
import type { FakeClock } from '../../../src/testing/fake-clock.js';
import { seeded } from '../../behaviour/seeded-random.js';

/** Limits that a {@link LimitedProvider} enforces. */
export interface HiddenLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly maxConcurrent?: number;
  /** Whether its responses report the limits. @default false */
  readonly isReported?: boolean;
}

interface Accepted {
  readonly atMs: number;
  tokens: number;
}

const WINDOW_MS = 60_000;
const PRICES = { input: 3 / 1e6, output: 15 / 1e6 };

/** A provider in virtual time with limits that it rejects by and may keep to itself: sliding windows, and requests at once. */
export class LimitedProvider implements Provider {
  readonly specificationVersion = 1 as const;
  readonly name = 'limited';
  readonly #clock: () => FakeClock;
  readonly #limits: HiddenLimits;
  readonly #random = seeded(3);
  #accepted: Accepted[] = [];
  #running = 0;
  /** Requests received, and those of them that were rejected. */
  requests = 0;
  rejected = 0;

  constructor(clock: () => FakeClock, limits: HiddenLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  costUsd(
    _model: string | undefined,
    usage: { inputTokens?: number | undefined; outputTokens?: number | undefined },
  ): number {
    return (usage.inputTokens ?? 0) * PRICES.input + (usage.outputTokens ?? 0) * PRICES.output;
  }

  async generate(request: ProviderRequest): Promise<AgentReplyObject> {
    const clock = this.#clock();
    this.requests += 1;
    const inputTokens = 40 + Math.round(request.task.length / 4);
    const outputTokens = Math.round((20 + request.task.length / 10) * (0.4 + 1.2 * this.#random()));
    this.#expire();
    const entry = { atMs: clock.now(), tokens: inputTokens + outputTokens };
    if (this.#isTooMuch(entry.tokens)) throw this.#rejection(request);
    this.#accepted.push(entry);
    this.#running += 1;
    request.onSent?.();
    request.onResponse?.({ ...this.#response(request), status: 200, retryAfterMs: undefined });
    const delayMs = (200 + 8 * outputTokens) * (0.7 + 0.6 * this.#random());
    await new Promise((resolve) => clock.setTimeout(resolve, delayMs, undefined));
    this.#running -= 1;
    const usage = { inputTokens, outputTokens };
    return { output: 'answer', usage, costUsd: this.costUsd(undefined, usage) };
  }

  #isTooMuch(tokens: number): boolean {
    const {
      requestsPerMinute = Infinity,
      tokensPerMinute = Infinity,
      maxConcurrent = Infinity,
    } = this.#limits;
    return (
      this.#accepted.length >= requestsPerMinute ||
      this.#usedTokens + tokens > tokensPerMinute ||
      this.#running >= maxConcurrent
    );
  }

  #rejection(request: ProviderRequest): Error {
    this.rejected += 1;
    const isConcurrency = this.#running >= (this.#limits.maxConcurrent ?? Infinity);
    const [oldest] = this.#accepted;
    const roomInMs = oldest === undefined ? 1_000 : oldest.atMs + WINDOW_MS - this.#clock().now();
    const retryAfterMs = isConcurrency ? undefined : Math.max(1_000, Math.ceil(roomInMs / 1_000) * 1_000);
    request.onSent?.();
    request.onResponse?.({ ...this.#response(request), status: 429, retryAfterMs });
    return new ProviderRateLimitedError('Too many requests.', {
      provider: this.name,
      status: 429,
      retryAfterMs,
    });
  }

  #response({ model }: ProviderRequest) {
    return { provider: this.name, model, requestId: undefined, limits: this.#report() };
  }

  #report(): RateLimits | undefined {
    const { isReported, requestsPerMinute, tokensPerMinute } = this.#limits;
    if (isReported !== true) return undefined;
    const newest = this.#accepted.at(-1);
    const resetMs = newest === undefined ? 0 : newest.atMs + WINDOW_MS - this.#clock().now();
    return {
      ...(requestsPerMinute && {
        requests: { limit: requestsPerMinute, remaining: requestsPerMinute - this.#accepted.length, resetMs },
      }),
      ...(tokensPerMinute && {
        tokens: {
          limit: tokensPerMinute,
          remaining: Math.max(0, tokensPerMinute - this.#usedTokens),
          resetMs,
        },
      }),
    };
  }

  get #usedTokens(): number {
    return this.#accepted.reduce((sum, { tokens }) => sum + tokens, 0);
  }

  #expire(): void {
    const sinceMs = this.#clock().now() - WINDOW_MS;
    this.#accepted = this.#accepted.filter(({ atMs }) => atMs > sinceMs);
  }
}
