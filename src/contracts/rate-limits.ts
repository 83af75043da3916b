/** What is left of one allowance. Whatever the provider did not say is absent. */
export interface RateLimitWindow {
  /** How many the window holds. */
  readonly limit?: number | undefined;
  /** How many are left of it. */
  readonly remaining?: number | undefined;
  /** Until it is full again, in milliseconds from the answer. */
  readonly resetMs?: number | undefined;
}

/** What a provider's answer says about its limits. */
export interface RateLimits {
  /** Requests. */
  readonly requests?: RateLimitWindow | undefined;
  /** Tokens of both kinds together. */
  readonly tokens?: RateLimitWindow | undefined;
  /** Tokens sent. */
  readonly inputTokens?: RateLimitWindow | undefined;
  /** Tokens produced. */
  readonly outputTokens?: RateLimitWindow | undefined;
}

/** The outside of one answer of a provider: known as soon as its headers are. */
export interface ProviderResponseInfo {
  /** The provider's kind. */
  readonly provider: string;
  /** The model that was asked. */
  readonly model: string | undefined;
  /** HTTP status. */
  readonly status: number;
  /** The provider's id of the request. */
  readonly requestId: string | undefined;
  /** How long the provider asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Its limits, where the headers say something about them. */
  readonly limits: RateLimits | undefined;
}
