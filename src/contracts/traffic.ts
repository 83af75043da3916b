// The options of traffic control as they are written, and as the mechanisms take them: with every default filled in.
// The defaults themselves stand in the schemas, in resilience/traffic-options.ts.

/** Limits of one lane: one provider's model, used with one key. Limits that the provider reports apply as well. */
export interface LaneLimits {
  /** Requests in any 60 seconds. */
  requestsPerMinute?: number | undefined;
  /** Tokens sent in any 60 seconds. */
  inputTokensPerMinute?: number | undefined;
  /** Tokens received in any 60 seconds. */
  outputTokensPerMinute?: number | undefined;
  /** Tokens sent and received, together, in any 60 seconds. */
  tokensPerMinute?: number | undefined;
  /** Requests in flight at once. */
  maxConcurrent?: number | undefined;
}

/** When a failing lane stops getting requests. */
export interface BreakerSettings {
  /** Share of failed calls in the window at which the breaker opens, above 0 and at most 1. @default 0.5 */
  failureRatio?: number | undefined;
  /** Calls in the window below which the breaker never opens. @default 5 */
  minimumCalls?: number | undefined;
  /** Length of the window, in milliseconds. @default 60_000 */
  windowMs?: number | undefined;
  /** How long the breaker stays open before it lets probes through, in milliseconds. @default 30_000 */
  openMs?: number | undefined;
  /** Probes let through at once while half-open. As many must succeed before the breaker closes. @default 1 */
  halfOpenCalls?: number | undefined;
}

/** When a second attempt starts beside a slow first one. Set `afterMs` or `percentile`, or neither for percentile 95. */
export interface HedgeSettings {
  /** Start it after this long, in milliseconds. */
  afterMs?: number | undefined;
  /** Start it once the first takes longer than this percentage of the lane's recent answers, 1 to 99.9. */
  percentile?: number | undefined;
  /** Maximum number of second attempts per first attempt, above 0 and at most 1. @default 0.1 */
  maxExtraRatio?: number | undefined;
}

/** The maximum that may be spent: dollars, tokens or both. */
export interface BudgetSettings {
  /** Maximum US dollars. */
  usd?: number | undefined;
  /** Maximum tokens, sent and received together. */
  tokens?: number | undefined;
  /** Maximum cost of one call, in US dollars, used when no price table knows it. */
  perCallUsd?: number | undefined;
}

/** What the calls of one tenant may use together. */
export interface TenantLimits {
  /** Attempts at once, within the orchestrator's own `maxConcurrent`; at least 1. */
  maxConcurrent?: number | undefined;
  /** Attempts in any 60 seconds. */
  requestsPerMinute?: number | undefined;
  /** Tokens sent and received, together, in any 60 seconds. */
  tokensPerMinute?: number | undefined;
}

/** What each tenant may use and spend. All tenants have the same limits, each with an account of its own. */
export interface TenantSettings {
  /** What the tenant's calls may use; a call beyond it waits, and does not hold up other tenants. @default no limits */
  limits?: TenantLimits | undefined;
  /** The maximum that the tenant's calls may spend. @default no maximum */
  budget?: BudgetSettings | undefined;
}

/** How waiting calls share permits and lanes. */
export interface FairnessSettings {
  /** Weights of tenants; a tenant that is not listed has weight 1. */
  tenantWeights?: Readonly<Record<string, number>> | undefined;
  /**
   * Weights of agents within a tenant; an agent that is not listed has weight 1. If left out, only priorities order
   * the calls of a tenant.
   */
  agentWeights?: Readonly<Record<string, number>> | undefined;
  /** Waiting this long raises a call's priority by one, in milliseconds. @default 5_000 */
  ageingMs?: number | undefined;
}

type Resolved<Settings, Defaulted extends keyof Settings> = Readonly<Omit<Settings, Defaulted>> & {
  readonly [Name in Defaulted]-?: Exclude<Settings[Name], undefined>;
};

/** {@link BreakerSettings} with every default filled in. */
export type ResolvedBreakerSettings = Resolved<BreakerSettings, keyof BreakerSettings>;

/** {@link HedgeSettings} with every default filled in. */
export type ResolvedHedgeSettings = Resolved<HedgeSettings, 'maxExtraRatio'>;

/** {@link FairnessSettings} with every default filled in. */
export type ResolvedFairnessSettings = Resolved<FairnessSettings, 'ageingMs'>;
