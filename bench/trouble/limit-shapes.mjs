// Limits as providers really have them, and the headers in which they report them. Times are milliseconds since the
// limit began.

/** Refills all the time: Anthropic's limits, and Groq's by the day. */
export class TokenBucket {
  #capacity;
  #perMs;
  #initial;
  #level;
  #atMs = 0;

  /** `refillMs` is how long an empty bucket takes to be full. */
  constructor({ capacity, refillMs, initial = capacity }) {
    this.#capacity = capacity;
    this.#perMs = capacity / refillMs;
    this.#initial = initial;
    this.#level = initial;
  }

  take(nowMs) {
    this.#level = Math.min(this.#capacity, this.#level + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#level < 1) return false;
    this.#level -= 1;
    return true;
  }

  /** How many requests could have been admitted by now. */
  allowedBy(nowMs) {
    return this.#initial + nowMs * this.#perMs;
  }

  report() {
    return {
      limit: this.#capacity,
      remaining: Math.floor(this.#level),
      resetMs: (this.#capacity - this.#level) / this.#perMs,
      waitMs: (1 - this.#level) / this.#perMs,
    };
  }
}

/** Full again at once when its window ends. */
export class FixedWindow {
  #limit;
  #windowMs;
  #window = 0;
  #used = 0;
  #nowMs = 0;

  constructor({ limit, windowMs }) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  take(nowMs) {
    const window = Math.floor(nowMs / this.#windowMs);
    if (window !== this.#window) this.#used = 0;
    this.#window = window;
    this.#nowMs = nowMs;
    if (this.#used >= this.#limit) return false;
    this.#used += 1;
    return true;
  }

  allowedBy(nowMs) {
    return this.#limit * Math.max(1, Math.ceil((nowMs - 1) / this.#windowMs));
  }

  report() {
    const resetMs = (this.#window + 1) * this.#windowMs - this.#nowMs;
    return { limit: this.#limit, remaining: this.#limit - this.#used, resetMs, waitMs: resetMs };
  }
}

/** The headers of an answer, by family; `waitMs` only where the request was rejected. */
export const HEADERS = {
  anthropic: (report) => anthropicHeaders(report, (ms) => new Date(Date.now() + ms).toISOString()),
  // As it really writes them: without milliseconds.
  anthropicSeconds: (report) =>
    anthropicHeaders(report, (ms) => `${new Date(Date.now() + ms + 999).toISOString().slice(0, 19)}Z`),
  openai: ({ limit, remaining, resetMs, waitMs }) => ({
    'x-ratelimit-limit-requests': limit,
    'x-ratelimit-remaining-requests': remaining,
    'x-ratelimit-reset-requests': durationOf(resetMs),
    ...retryAfter(waitMs),
    ...(waitMs !== undefined && { 'retry-after-ms': Math.ceil(waitMs) }),
  }),
};

function anthropicHeaders({ limit, remaining, resetMs, waitMs }, instantIn) {
  return {
    'anthropic-ratelimit-requests-limit': limit,
    'anthropic-ratelimit-requests-remaining': remaining,
    'anthropic-ratelimit-requests-reset': instantIn(resetMs),
    ...retryAfter(waitMs),
  };
}

function retryAfter(waitMs) {
  return waitMs === undefined ? {} : { 'retry-after': Math.max(1, Math.ceil(waitMs / 1_000)) };
}

/** As Go prints a duration: 6h0m0s, 1m30.5s, 12ms. */
function durationOf(ms) {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${Number(((ms % 60_000) / 1_000).toFixed(3))}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
