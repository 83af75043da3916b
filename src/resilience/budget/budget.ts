import type { BudgetSettings } from '../../contracts/traffic.js';
import { BudgetExceededError, type BudgetScope, type BudgetUnit } from '../../errors/traffic-errors.js';
import { toNanoUsd, toUsd } from './budget-amount.js';

/** What a call costs: the worst case before it starts, the actual cost afterwards. `undefined` means unknown. */
export interface CallCost {
  /** US dollars. */
  readonly usd: number | undefined;
  /** Tokens, sent and received together. */
  readonly tokens: number | undefined;
}

/** What has been spent of a budget. */
export interface BudgetAccount {
  /** US dollars spent. */
  spentUsd: number;
  /** Tokens spent, sent and received together. */
  spentTokens: number;
}

/** The state of a budget. */
export interface BudgetStats extends BudgetAccount {
  /** US dollars reserved for calls in flight. */
  reservedUsd: number;
  /** Tokens reserved for calls in flight. */
  reservedTokens: number;
  /** US dollars neither spent nor reserved; `undefined` without a limit. */
  leftUsd: number | undefined;
  /** Tokens neither spent nor reserved; `undefined` without a limit. */
  leftTokens: number | undefined;
}

/** What a call has reserved in all of its budgets. Ending it a second time does nothing. */
export interface BudgetClaim {
  /** Charges the actual cost; an unknown amount is charged as reserved. */
  settle(spent: CallCost): void;
  /** Charges nothing: the call was never sent. */
  release(): void;
}

/** What a call reserves in one budget. */
interface BudgetShare {
  readonly budget: Budget;
  readonly nanoUsd: number | undefined;
  readonly tokens: number | undefined;
}

/** One limit of a budget and its use, in whole units: nano-dollars or tokens. */
interface Balance {
  readonly unit: BudgetUnit;
  readonly limit: number;
  spent: number;
  reserved: number;
}

/** The limit on what one run, agent or tenant, or the whole process, may spend. {@link claimBudgets} enforces it. */
export class Budget {
  readonly scope: BudgetScope;
  /** The run's id, or the agent's or tenant's name; empty for the process. */
  readonly owner: string;
  readonly #usd: Balance;
  readonly #tokens: Balance;
  readonly #perCallNanoUsd: number | undefined;
  // The largest reservation of a single call so far.
  #largestNanoUsd = 0;
  #largestTokens = 0;
  #openClaims = 0;
  /** Called after each reservation. */
  onClaimed: (() => void) | undefined = undefined;

  /** @param account What was spent before, for instance by the same run before a crash. */
  constructor(
    scope: BudgetScope,
    owner: string,
    settings: BudgetSettings,
    account: BudgetAccount = { spentUsd: 0, spentTokens: 0 },
  ) {
    this.scope = scope;
    this.owner = owner;
    this.#usd = balanceOf('usd', settings.usd, account.spentUsd);
    this.#tokens = balanceOf('tokens', settings.tokens, account.spentTokens);
    this.#perCallNanoUsd = settings.perCallUsd === undefined ? undefined : toNanoUsd(settings.perCallUsd);
  }

  /** Whether no call has reserved anything. */
  get isIdle(): boolean {
    return this.#openClaims === 0;
  }

  /** What was spent of the units that are limited. */
  get limitedAccount(): BudgetAccount {
    return {
      spentUsd: hasLimit(this.#usd) ? toUsd(this.#usd.spent) : 0,
      spentTokens: hasLimit(this.#tokens) ? this.#tokens.spent : 0,
    };
  }

  stats(): BudgetStats {
    return {
      spentUsd: toUsd(this.#usd.spent),
      spentTokens: this.#tokens.spent,
      reservedUsd: toUsd(this.#usd.reserved),
      reservedTokens: this.#tokens.reserved,
      leftUsd: hasLimit(this.#usd) ? toUsd(leftOf(this.#usd)) : undefined,
      leftTokens: hasLimit(this.#tokens) ? leftOf(this.#tokens) : undefined,
    };
  }

  /**
   * The account to record in case the process dies: counts reservations of calls in flight as spent, and `begun` more
   * calls that may have started by then, each as large as the largest so far.
   */
  worstCaseAccount(begun: number): BudgetAccount {
    const nanoUsd = this.#usd.spent + this.#usd.reserved + begun * this.#largestNanoUsd;
    const spentTokens = this.#tokens.spent + this.#tokens.reserved + begun * this.#largestTokens;
    return { spentUsd: toUsd(nanoUsd), spentTokens };
  }

  /** What a call reserves here. @throws {@link BudgetExceededError} if there is no room for it. @internal */
  shareOf(worstCase: CallCost): BudgetShare {
    const { tokens } = worstCase;
    const nanoUsd = worstCase.usd === undefined ? this.#perCallNanoUsd : toNanoUsd(worstCase.usd);
    this.#check(this.#usd, nanoUsd);
    this.#check(this.#tokens, tokens);
    return { budget: this, nanoUsd, tokens };
  }

  /** @internal */
  reserve({ nanoUsd = 0, tokens = 0 }: BudgetShare): void {
    this.#openClaims += 1;
    this.#usd.reserved += nanoUsd;
    this.#tokens.reserved += tokens;
    this.#largestNanoUsd = Math.max(this.#largestNanoUsd, nanoUsd);
    this.#largestTokens = Math.max(this.#largestTokens, tokens);
    this.onClaimed?.();
  }

  /** Ends a reservation and charges what was spent. @internal */
  charge({ nanoUsd = 0, tokens = 0 }: BudgetShare, spent: CallCost): void {
    this.#openClaims -= 1;
    this.#usd.reserved -= nanoUsd;
    this.#usd.spent += spent.usd === undefined ? nanoUsd : toNanoUsd(spent.usd);
    this.#tokens.reserved -= tokens;
    this.#tokens.spent += spent.tokens ?? tokens;
  }

  #check(balance: Balance, needed: number | undefined): void {
    if (!hasLimit(balance) || (needed !== undefined && needed <= leftOf(balance))) return;
    const inUnit = (amount: number): number => (balance.unit === 'usd' ? toUsd(amount) : amount);
    throw new BudgetExceededError({
      scope: this.scope,
      owner: this.owner,
      unit: balance.unit,
      limit: inUnit(balance.limit),
      left: inUnit(leftOf(balance)),
      needed: needed === undefined ? undefined : inUnit(needed),
    });
  }
}

/**
 * Reserves the worst case of a call in all of its budgets, or in none. A call without room is refused instead of
 * queued: reserved amounts may all be spent, so it is unknown when there will be room. Once other calls have settled
 * for less than they reserved, the same call may be accepted.
 *
 * @throws {@link BudgetExceededError} of the first budget that has no room, or that limits a unit in which the worst
 *   case is unknown.
 */
export function claimBudgets(budgets: readonly Budget[], worstCase: CallCost): BudgetClaim {
  // All budgets are checked before any is changed, without awaiting in between: concurrent calls cannot overspend.
  const shares = budgets.map((budget) => budget.shareOf(worstCase));
  for (const share of shares) share.budget.reserve(share);
  let isOpen = true;
  const end = (spent: CallCost): void => {
    if (!isOpen) return;
    isOpen = false;
    for (const share of shares) share.budget.charge(share, spent);
  };
  return { settle: end, release: () => end({ usd: 0, tokens: 0 }) };
}

function balanceOf(unit: BudgetUnit, limit: number | undefined, spent: number): Balance {
  const toWhole = unit === 'usd' ? toNanoUsd : (amount: number) => amount;
  return {
    unit,
    limit: limit === undefined ? Number.POSITIVE_INFINITY : toWhole(limit),
    spent: toWhole(spent),
    reserved: 0,
  };
}

function hasLimit({ limit }: Balance): boolean {
  return limit !== Number.POSITIVE_INFINITY;
}

function leftOf({ limit, spent, reserved }: Balance): number {
  return Math.max(0, limit - spent - reserved);
}
