import type { RecommendationLevel } from '../recommendations/rule.js';
import type { BudgetSnapshot } from '../snapshot.js';
import type { Alert } from './alert.js';

/** What of a budget has been reported. */
interface Watched {
  /** How many thresholds were passed in this period. */
  passed: number;
  /** What was spent at the last look. */
  spentUsd: number;
  spentTokens: number;
  periodStartedMs: number;
}

/** Budgets that are watched. */
const MOST_BUDGETS = 10_000;

/** Raises an alert when spending passes a share of a budget: once for each share and period. */
export class BudgetThresholds {
  readonly #thresholds: readonly number[];
  readonly #periodMs: number;
  readonly #watched = new Map<string, Watched>();

  constructor(thresholds: readonly number[], periodMs: number | undefined) {
    this.#thresholds = [...thresholds].sort((a, b) => a - b);
    this.#periodMs = periodMs ?? Number.POSITIVE_INFINITY;
  }

  /** What was passed since the last look; of several thresholds of one budget, each. */
  update(budgets: Readonly<Record<string, BudgetSnapshot>>, nowMs: number, at: number): Alert[] {
    for (const name of this.#watched.keys()) if (!(name in budgets)) this.#watched.delete(name);
    return Object.entries(budgets).flatMap(([name, budget]) => {
      const watched = this.#periodOf(name, budget, nowMs);
      const used = usedRatio(budget);
      const passed = this.#thresholds.filter((threshold) => used >= threshold).length;
      const alerts = this.#thresholds
        .slice(watched.passed, passed)
        .map((threshold) => alertOf(budget, threshold, this.#levelOf(threshold), used, at));
      watched.passed = Math.max(watched.passed, passed);
      return alerts;
    });
  }

  #periodOf(name: string, { spentUsd, spentTokens }: BudgetSnapshot, nowMs: number): Watched {
    const known = this.#watched.get(name);
    const isSame =
      known !== undefined &&
      spentUsd >= known.spentUsd &&
      spentTokens >= known.spentTokens &&
      nowMs - known.periodStartedMs < this.#periodMs;
    const watched = isSame ? known : { passed: 0, spentUsd, spentTokens, periodStartedMs: nowMs };
    Object.assign(watched, { spentUsd, spentTokens });
    if (this.#watched.size < MOST_BUDGETS || known !== undefined) this.#watched.set(name, watched);
    return watched;
  }

  /** The highest is critical, the lowest of several a note. */
  #levelOf(threshold: number): RecommendationLevel {
    if (threshold === this.#thresholds.at(-1)) return 'critical';
    return threshold === this.#thresholds[0] ? 'info' : 'warning';
  }
}

function usedRatio({ spentUsd, limitUsd, spentTokens, limitTokens }: BudgetSnapshot): number {
  const of = (spent: number, limit: number | undefined): number =>
    limit === undefined ? 0 : limit === 0 ? 1 : spent / limit;
  return Math.max(of(spentUsd, limitUsd), of(spentTokens, limitTokens));
}

function alertOf(
  budget: BudgetSnapshot,
  threshold: number,
  level: RecommendationLevel,
  usedRatio: number,
  at: number,
): Alert {
  const { scope, owner, spentUsd, limitUsd, spentTokens, limitTokens } = budget;
  const percent = Math.round(100 * threshold);
  const whose = owner === '' ? 'all calls together' : `${scope} "${owner}"`;
  const limits = {
    ...(limitUsd === undefined ? undefined : { spentUsd, limitUsd }),
    ...(limitTokens === undefined ? undefined : { spentTokens, limitTokens }),
  };
  return {
    id: 'budget-threshold',
    level,
    title: `${percent} % of a budget is spent`,
    cause: `The budget of ${whose} is used to ${Math.floor(100 * usedRatio)} %.`,
    evidence: { scope, ...(owner === '' ? undefined : { [scope]: owner }), threshold, usedRatio, ...limits },
    advice:
      'Calls that could exceed it are refused: raise the budget, use a cheaper model, or cache what repeats.',
    docs: 'docs/guides/alerts-and-recommendations.md#budgets',
    state: 'firing',
    at,
  };
}
