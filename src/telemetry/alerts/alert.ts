import type { Recommendation, RecommendationLevel } from '../recommendations/rule.js';
import type { RuleSettings } from '../recommendations/rule-states.js';

/** A finding that began or ended. */
export interface Alert extends Recommendation {
  /** `firing` when it begins or gets more serious, `resolved` when it has ended. */
  state: 'firing' | 'resolved';
  /** When, milliseconds since the Unix epoch. */
  at: number;
}

/** Where alerts are sent. */
export interface WebhookOptions {
  /** The address, `http:` or `https:`. */
  url: string;
  /** Signs every request, at least 16 characters. */
  secret: string;
  /** Longest time of one request, in milliseconds. @default 10_000 */
  timeoutMs?: number | undefined;
  /** Additional headers. */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** When alerts are raised, and who receives them. */
export interface AlertOptions {
  /** Other thresholds for single rules, by id; `false` switches a rule off. @default those of the table of rules */
  rules?: Readonly<Partial<Record<string, RuleSettings | false>>> | undefined;
  /** Less serious findings raise no alert. @default 'warning' */
  minimumLevel?: RecommendationLevel | undefined;
  /** How far back rules look, in milliseconds, from 10,000 to 3,600,000. @default 300_000 */
  windowMs?: number | undefined;
  /** How long a finding has to last before it is an alert, in milliseconds. @default 30_000 */
  holdMs?: number | undefined;
  /** How long a finding has to be gone before its alert is resolved, in milliseconds. @default 60_000 */
  resolveMs?: number | undefined;
  /** Shares of a budget at which an alert is raised, each once a period, from 0 to 1. @default [0.5, 0.8, 0.95] */
  budgetThresholds?: readonly number[] | undefined;
  /** How long the period of a budget is, in milliseconds; it also ends where less is spent than before. @default none */
  budgetPeriodMs?: number | undefined;
  /** Called with every alert. What it throws is logged. */
  onAlert?: ((alert: Alert) => void) | undefined;
  /** Where alerts are sent, signed, in order, until they are accepted. */
  webhook?: WebhookOptions | undefined;
}
