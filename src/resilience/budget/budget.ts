import type { BudgetSettings } from '../../contracts/traffic.js';
import { BudgetExceededError, type BudgetScope, type BudgetUnit } from '../../errors/traffic-errors.js';
import { toNanoUsd, toUsd } from './budget-amount.js';
import { BudgetQueue } from './budget-queue.js';

/** What a call costs: the worst case before it starts, the actual cost afterwards. `undefined` means unknown. */
export interface CallCost {
  /** US dollars. */
  readonly usd: number | undefined;
  /** Tokens, sent and received together. */
  readonly tokens: number | undefined;
  /** Of an unknown worst case: the settings that would make it known. */
  readonly missing?: string | undefined;
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
  /** Calls that wait for room. */
  readonly queue = new BudgetQueue();
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

  /** Whether no call has reserved anything or waits to do so. */
  get isIdle(): boolean {
    return this.#openClaims === 0 && this.queue.isEmpty;
  }

  /** Its limits; `undefined` where it has none. */
  get limits(): { readonly usd: number | undefined; readonly tokens: number | undefined } {
    return {
      usd: hasLimit(this.#usd) ? toUsd(this.#usd.limit) : undefined,
      tokens: hasLimit(this.#tokens) ? this.#tokens.limit : undefined,
    };
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

  /**
   * Whether a call has room now; `false` if it would have, were it not for what other calls have reserved.
   *
   * @throws {@link BudgetExceededError} if there is too little even without any reservation.
   * @internal
   */
  hasRoomFor(worstCase: CallCost): boolean {
    const { nanoUsd, tokens } = this.shareOf(worstCase);
    this.#check(this.#usd, nanoUsd, worstCase);
    this.#check(this.#tokens, tokens, worstCase);
    return fits(this.#usd, nanoUsd) && fits(this.#tokens, tokens);
  }

  /** What a call reserves here. @internal */
  shareOf({ usd, tokens }: CallCost): BudgetShare {
    return { budget: this, nanoUsd: usd === undefined ? this.#perCallNanoUsd : toNanoUsd(usd), tokens };
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
    this.queue.wake();
  }

  #check(balance: Balance, needed: number | undefined, { missing }: CallCost): void {
    if (!hasLimit(balance) || (needed !== undefined && needed <= unspentOf(balance))) return;
    const inUnit = (amount: number): number => (balance.unit === 'usd' ? toUsd(amount) : amount);
    throw new BudgetExceededError({
      scope: this.scope,
      owner: this.owner,
      unit: balance.unit,
      limit: inUnit(balance.limit),
      left: inUnit(unspentOf(balance)),
      needed: needed === undefined ? undefined : inUnit(needed),
      missing,
    });
  }
}

/**
 * The first budget that has no room for a call, because of what other calls have reserved: they may settle for less.
 *
 * @throws {@link BudgetExceededError} of the first budget that has too little left even without any reservation, or
 *   that limits a unit in which the worst case is unknown.
 */
export function fullBudget(budgets: readonly Budget[], worstCase: CallCost): Budget | undefined {
  let full: Budget | undefined;
  for (const budget of budgets) if (!budget.hasRoomFor(worstCase)) full ??= budget;
  return full;
}

/** Reserves the worst case of a call in all of its budgets, none of which is {@link fullBudget full}. */
export function claimBudgets(budgets: readonly Budget[], worstCase: CallCost): BudgetClaim {
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

function unspentOf({ limit, spent }: Balance): number {
  return Math.max(0, limit - spent);
}

function fits(balance: Balance, needed = 0): boolean {
  return !hasLimit(balance) || needed <= leftOf(balance);
}
