import type { BudgetSettings } from '../../contracts/traffic.js';
import { Budget } from './budget.js';

/** Number of budgets from which on idle ones are folded into accounts. */
const FIRST_SWEEP = 256;

/**
 * The budgets of all agents or of all tenants. There may be any number of owners over time: of those without calls in
 * flight only what they have spent is kept, one number each.
 */
export class OwnerBudgets {
  readonly #scope: 'agent' | 'tenant';
  readonly #budgets = new Map<string, Budget>();
  readonly #spentUsd = new Map<string, number>();
  readonly #spentTokens = new Map<string, number>();
  #sweepAt = FIRST_SWEEP;

  constructor(scope: 'agent' | 'tenant') {
    this.#scope = scope;
  }

  /** The budget of an owner; the same one for all of its calls in flight. */
  get(owner: string, settings: BudgetSettings): Budget {
    const known = this.#budgets.get(owner);
    if (known !== undefined) return known;
    if (this.#budgets.size >= this.#sweepAt) this.#sweep();
    const budget = new Budget(this.#scope, owner, settings, this.#takeAccount(owner));
    this.#budgets.set(owner, budget);
    return budget;
  }

  /** Those that were used lately. */
  inUse(): Iterable<Budget> {
    return this.#budgets.values();
  }

  #takeAccount(owner: string): { spentUsd: number; spentTokens: number } {
    const account = {
      spentUsd: this.#spentUsd.get(owner) ?? 0,
      spentTokens: this.#spentTokens.get(owner) ?? 0,
    };
    this.#spentUsd.delete(owner);
    this.#spentTokens.delete(owner);
    return account;
  }

  /** Doubling the threshold keeps sweeping O(1) per owner. */
  #sweep(): void {
    for (const [owner, budget] of this.#budgets) {
      if (!budget.isIdle) continue;
      this.#budgets.delete(owner);
      const { spentUsd, spentTokens } = budget.limitedAccount;
      if (spentUsd > 0) this.#spentUsd.set(owner, spentUsd);
      if (spentTokens > 0) this.#spentTokens.set(owner, spentTokens);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#budgets.size);
  }
}
