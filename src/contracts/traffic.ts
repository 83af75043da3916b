/** What one provider's model, with one key, may be sent. What the provider reports is learned in any case. */
export interface LaneLimits {
  /** Requests in any 60 seconds. */
  requestsPerMinute?: number | undefined;
  /** Tokens sent in any 60 seconds. */
  inputTokensPerMinute?: number | undefined;
  /** Tokens received in any 60 seconds. */
  outputTokensPerMinute?: number | undefined;
  /** Tokens of both kinds in any 60 seconds. */
  tokensPerMinute?: number | undefined;
  /** Requests under way at once. */
  maxConcurrent?: number | undefined;
}

/** When a lane that fails is left alone. */
export interface BreakerSettings {
  /** Share of failures in the window at which it opens, above 0 to 1. @default 0.5 */
  failureRatio?: number | undefined;
  /** Calls in the window below which it never opens. @default 5 */
  minimumCalls?: number | undefined;
  /** Length of the window, in milliseconds. @default 60_000 */
  windowMs?: number | undefined;
  /** How long it stays open, in milliseconds. @default 30_000 */
  openMs?: number | undefined;
  /** Calls let through to find out whether the lane works again. @default 1 */
  halfOpenCalls?: number | undefined;
}

/** When a second attempt may run beside a slow first one. One of `afterMs` and `percentile`. */
export interface HedgeSettings {
  /** Start it after this long, in milliseconds. */
  afterMs?: number | undefined;
  /** Start it once the first takes longer than this percentage of the lane's latest answers, 1 to 99.9. */
  percentile?: number | undefined;
  /** Most second attempts per first attempt, above 0 to 1. @default 0.1 */
  maxExtraRatio?: number | undefined;
}

/** What may be spent: dollars, tokens or both. */
export interface BudgetSettings {
  /** Most US dollars. */
  usd?: number | undefined;
  /** Most tokens, sent and received together. */
  tokens?: number | undefined;
  /** Most that one call can cost, in US dollars, where no price table can tell. */
  perCallUsd?: number | undefined;
}

/** How waiting calls share what there is. */
export interface FairnessSettings {
  /** Shares of tenants; one that is not named has weight 1. */
  tenantWeights?: Readonly<Record<string, number>> | undefined;
  /** Shares of agents within a tenant; left out, a tenant's calls are ordered by priority alone. */
  agentWeights?: Readonly<Record<string, number>> | undefined;
  /** How long a call has to wait to be worth one more priority, in milliseconds. @default 5_000 */
  ageingMs?: number | undefined;
}
