import { BudgetExceededError, type BudgetScope, type BudgetUnit } from '../../errors/traffic-errors.js';
import { toNanoUsd, toUsd } from './budget-amount.js';

/** What may be spent. Either limit alone, or both. */
export interface BudgetOptions {
  /** Most dollars. */
  usd?: number | undefined;
  /** Most tokens, sent and received together. */
  tokens?: number | undefined;
  /** Most that one call can cost, in dollars, where no price table can tell. */
  perCallUsd?: number | undefined;
}

/** What a call costs: at worst before it, really after it. `undefined` is unknown. */
export interface Spending {
  /** Dollars. */
  readonly usd: number | undefined;
  /** Tokens, sent and received together. */
  readonly tokens: number | undefined;
}

/** A budget's account. */
export interface BudgetAccount {
  /** Dollars spent. */
  spentUsd: number;
  /** Tokens spent. */
  spentTokens: number;
}

/** How a budget stands. */
export interface BudgetStats extends BudgetAccount {
  /** Dollars reserved for calls under way. */
  reservedUsd: number;
  /** Tokens reserved for calls under way. */
  reservedTokens: number;
  /** Dollars neither spent nor reserved; `undefined` without a limit. */
  leftUsd: number | undefined;
  /** Tokens neither spent nor reserved; `undefined` without a limit. */
  leftTokens: number | undefined;
}

/** A place for a call in every budget that it belongs to. End it once. */
export interface BudgetReservation {
  /** Charges what the call really used; what is unknown is charged as it was reserved. */
  settle(spent: Spending): void;
  /** Charges nothing: the call was never sent. */
  release(): void;
}

/** One limit of a budget, in whole units: nano-dollars or tokens. */
interface Purse {
  readonly unit: BudgetUnit;
  readonly limit: number;
  spent: number;
  reserved: number;
}

/** What may be spent by one run, agent, tenant, or all of the process. Enforced by {@link reserveBudgets}. */
export class Budget {
  /** What the budget belongs to. */
  readonly scope: BudgetScope;
  /** Whose it is: the run's id, the agent's or tenant's name; empty for the process. */
  readonly owner: string;
  readonly #usd: Purse;
  readonly #tokens: Purse;
  readonly #perCallNanoUsd: number | undefined;
  // The most that one call has reserved.
  #largestNanoUsd = 0;
  #largestTokens = 0;
  /** Told after each reservation. */
  onReserved: (() => void) | undefined = undefined;

  /** `account` goes on with what was spent before, for instance by the same run before a crash. */
  constructor(
    scope: BudgetScope,
    owner: string,
    options: BudgetOptions,
    account: BudgetAccount = { spentUsd: 0, spentTokens: 0 },
  ) {
    this.scope = scope;
    this.owner = owner;
    this.#usd = purse('usd', options.usd, account.spentUsd);
    this.#tokens = purse('tokens', options.tokens, account.spentTokens);
    this.#perCallNanoUsd = options.perCallUsd === undefined ? undefined : toNanoUsd(options.perCallUsd);
  }

  /** How things stand. */
  stats(): BudgetStats {
    return {
      spentUsd: toUsd(this.#usd.spent),
      spentTokens: this.#tokens.spent,
      reservedUsd: toUsd(this.#usd.reserved),
      reservedTokens: this.#tokens.reserved,
      leftUsd: hasLimit(this.#usd) ? toUsd(left(this.#usd)) : undefined,
      leftTokens: hasLimit(this.#tokens) ? left(this.#tokens) : undefined,
    };
  }

  /**
   * What counts as spent should this be the last that is heard of the process: what calls under way have reserved,
   * and what `begun` more may have begun by then, each as large as the largest so far.
   */
  accountAtWorst(begun: number): BudgetAccount {
    const nanoUsd = this.#usd.spent + this.#usd.reserved + begun * this.#largestNanoUsd;
    const spentTokens = this.#tokens.spent + this.#tokens.reserved + begun * this.#largestTokens;
    return { spentUsd: toUsd(nanoUsd), spentTokens };
  }

  /** What the call needs at worst in this budget's units. @throws {@link BudgetExceededError} if it has no room. @internal */
  claim(worst: Spending): Claim {
    const nanoUsd = worst.usd === undefined ? this.#perCallNanoUsd : toNanoUsd(worst.usd);
    const claim = { budget: this, nanoUsd, tokens: worst.tokens };
    this.#check(this.#usd, nanoUsd);
    this.#check(this.#tokens, worst.tokens);
    return claim;
  }

  /** Reserves what {@link claim} found room for. @internal */
  reserve({ nanoUsd = 0, tokens = 0 }: Claim): void {
    this.#usd.reserved += nanoUsd;
    this.#tokens.reserved += tokens;
    this.#largestNanoUsd = Math.max(this.#largestNanoUsd, nanoUsd);
    this.#largestTokens = Math.max(this.#largestTokens, tokens);
    this.onReserved?.();
  }

  /** Frees the reservation and charges what was spent. @internal */
  charge({ nanoUsd = 0, tokens = 0 }: Claim, spent: Spending): void {
    this.#usd.reserved -= nanoUsd;
    this.#usd.spent += spent.usd === undefined ? nanoUsd : toNanoUsd(spent.usd);
    this.#tokens.reserved -= tokens;
    this.#tokens.spent += spent.tokens ?? tokens;
  }

  #check(purse: Purse, needed: number | undefined): void {
    if (!hasLimit(purse) || (needed !== undefined && needed <= left(purse))) return;
    const inUnit = (amount: number): number => (purse.unit === 'usd' ? toUsd(amount) : amount);
    throw new BudgetExceededError({
      scope: this.scope,
      owner: this.owner,
      unit: purse.unit,
      limit: inUnit(purse.limit),
      left: inUnit(left(purse)),
      needed: needed === undefined ? undefined : inUnit(needed),
    });
  }
}

/** What a call takes from one budget. */
interface Claim {
  readonly budget: Budget;
  readonly nanoUsd: number | undefined;
  readonly tokens: number | undefined;
}

/**
 * Reserves a call's worst case in every budget that it belongs to, or in none. A call that does not fit is refused
 * and not queued: what is reserved may be spent, so nobody can say when there will be room. Once calls have settled
 * for less than they reserved, the same call may fit.
 *
 * @throws {@link BudgetExceededError} of the first budget without room, or whose unit the worst case leaves unknown.
 */
export function reserveBudgets(budgets: readonly Budget[], worst: Spending): BudgetReservation {
  // All are asked before one is changed, and nothing is awaited in between: concurrent calls cannot overspend.
  const claims = budgets.map((budget) => budget.claim(worst));
  for (const claim of claims) claim.budget.reserve(claim);
  let isOpen = true;
  const end = (spent: Spending): void => {
    if (!isOpen) return;
    isOpen = false;
    for (const claim of claims) claim.budget.charge(claim, spent);
  };
  return { settle: end, release: () => end({ usd: 0, tokens: 0 }) };
}

function purse(unit: BudgetUnit, limit: number | undefined, spent: number): Purse {
  const toWhole = unit === 'usd' ? toNanoUsd : (amount: number) => amount;
  return {
    unit,
    limit: limit === undefined ? Number.POSITIVE_INFINITY : toWhole(limit),
    spent: toWhole(spent),
    reserved: 0,
  };
}

function hasLimit({ limit }: Purse): boolean {
  return limit !== Number.POSITIVE_INFINITY;
}

function left({ limit, spent, reserved }: Purse): number {
  return Math.max(0, limit - spent - reserved);
}
