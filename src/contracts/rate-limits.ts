/** The state of one provider limit. Fields that the provider did not report are absent. */
export interface RateLimitWindow {
  /** Amount that a window allows. */
  readonly limit?: number | undefined;
  /** Amount left in the current window. */
  readonly remaining?: number | undefined;
  /** Time until the whole amount is available again, in milliseconds from the response. */
  readonly resetMs?: number | undefined;
  /** How far off `resetMs` may be because of how it was written, in milliseconds; 1,000 for whole seconds. @default 1 */
  readonly resetToleranceMs?: number | undefined;
  /** Length of the window, in milliseconds, if the provider names it. Otherwise it is learned from the resets. */
  readonly windowMs?: number | undefined;
}

/** What a provider's response reports about its limits. */
export interface RateLimits {
  /** Requests. */
  readonly requests?: RateLimitWindow | undefined;
  /** Tokens sent and received together. */
  readonly tokens?: RateLimitWindow | undefined;
  /** Tokens sent. */
  readonly inputTokens?: RateLimitWindow | undefined;
  /** Tokens received. */
  readonly outputTokens?: RateLimitWindow | undefined;
}

/** What a provider can limit. `tokens` counts input and output together. */
export type LimitedQuantity = keyof RateLimits;

/** Metadata of one provider response, available once its headers have arrived. */
export interface ProviderResponseInfo {
  /** The provider's kind. */
  readonly provider: string;
  /** The requested model. */
  readonly model: string | undefined;
  /** HTTP status. */
  readonly status: number;
  /** The provider's id of the request. */
  readonly requestId: string | undefined;
  /** How long the provider asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The provider's limits, if the headers report any. */
  readonly limits: RateLimits | undefined;
}
