import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BudgetExceededError } from '../../../src/errors/traffic-errors.js';
import {
  Budget,
  type BudgetClaim,
  type CallCost,
  claimBudgets,
  fullBudget,
} from '../../../src/resilience/budget/budget.js';
import { toNanoUsd, toUsd } from '../../../src/resilience/budget/budget-amount.js';

const cents = (usd: number) => ({ usd, tokens: undefined });

/** A claim where there is room now; `undefined` where the call has to wait. */
function claim(budgets: readonly Budget[], worstCase: CallCost): BudgetClaim | undefined {
  return fullBudget(budgets, worstCase) === undefined ? claimBudgets(budgets, worstCase) : undefined;
}

describe('budgets', () => {
  test('of 100 concurrent calls of up to 0.01 dollars exactly 50 fit into 0.50, and never more is settled', async () => {
    const budget = new Budget('run', 'r1', { usd: 0.5 });
    let admitted = 0;
    const errors: unknown[] = [];
    const call = async () => {
      try {
        let reservation = claim([budget], cents(0.01));
        while (reservation === undefined) {
          await Promise.resolve();
          reservation = claim([budget], cents(0.01));
        }
        admitted += 1;
        await Promise.resolve();
        reservation.settle(cents(0.01));
      } catch (error) {
        errors.push(error);
      }
    };
    await Promise.all(Array.from({ length: 100 }, call));
    expect(admitted).toBe(50);
    expect(budget.stats()).toMatchObject({ spentUsd: 0.5, reservedUsd: 0, leftUsd: 0 });
    expect(errors[0]).toMatchObject({
      code: 'TUTTI_BUDGET_EXCEEDED',
      scope: 'run',
      owner: 'r1',
      unit: 'usd',
      limit: 0.5,
      left: 0,
      needed: 0.01,
      retryable: false,
    });
  });

  test('what calls did not use admits more', () => {
    const budget = new Budget('process', '', { usd: 0.02 });
    const first = claimBudgets([budget], cents(0.02));
    expect(fullBudget([budget], cents(0.01))).toBe(budget);
    expect(() => fullBudget([budget], cents(0.021))).toThrow(BudgetExceededError);
    first.settle(cents(0.005));
    first.settle(cents(0.005));
    expect(budget.stats().leftUsd).toBe(0.015);
    expect(fullBudget([budget], cents(0.015))).toBeUndefined();
    const second = claimBudgets([budget], cents(0.015));
    second.release();
    expect(budget.stats()).toMatchObject({ leftUsd: 0.015, reservedUsd: 0 });
  });

  test('an unknown price is refused where dollars are limited, unless the budget names a price for such calls', () => {
    const unknown = { usd: undefined, tokens: 100 };
    const strict = new Budget('agent', 'a', { usd: 1 });
    expect(() => fullBudget([strict], unknown)).toThrow(/maximum cost is unknown.*perCallUsd/s);
    expect(fullBudget([new Budget('agent', 'a', { tokens: 1_000 })], unknown)).toBeUndefined();
    const priced = new Budget('agent', 'a', { usd: 1, perCallUsd: 0.25 });
    // What a call of unknown price really cost is unknown too: it is charged as reserved.
    claimBudgets([priced], unknown).settle(unknown);
    expect(priced.stats()).toMatchObject({ spentUsd: 0.25, leftUsd: 0.75, leftTokens: undefined });
  });

  test('unknown tokens are refused where tokens are limited', () => {
    const budget = new Budget('tenant', 't', { tokens: 10 });
    expect(() => fullBudget([budget], cents(0.01))).toThrow(/tenant "t".*Set maxTokens/s);
    expect(() => fullBudget([budget], { usd: undefined, tokens: 11 })).toThrow(/needs up to 11 tokens/);
  });

  test('a call belongs to several budgets, and one without room leaves the others untouched', () => {
    const run = new Budget('run', 'r', { usd: 1 });
    const tenant = new Budget('tenant', 't', { tokens: 100 });
    const all = new Budget('process', '', {});
    const worst = { usd: 0.1, tokens: 60 };
    const first = claimBudgets([run, tenant, all], worst);
    expect(fullBudget([run, tenant, all], worst)).toBe(tenant);
    expect(run.stats().reservedUsd).toBe(0.1);
    first.settle({ usd: 0.05, tokens: 50 });
    expect(() => fullBudget([run, tenant, all], worst)).toThrow('50 of 100 tokens are left');
    expect([run.stats().spentUsd, tenant.stats().spentTokens, all.stats().spentUsd]).toEqual([
      0.05, 50, 0.05,
    ]);
  });

  test('goes on with an earlier account', () => {
    const before = new Budget('run', 'r', { usd: 1, tokens: 100 });
    claimBudgets([before], { usd: 0.4, tokens: 30 }).settle({ usd: 0.4, tokens: 30 });
    const after = new Budget('run', 'r', { usd: 1, tokens: 100 }, before.stats());
    expect(after.stats()).toMatchObject({ leftUsd: 0.6, leftTokens: 70 });
  });

  test('an overdrawn budget has nothing left and says so', () => {
    const budget = new Budget('process', '', { usd: 0.1 });
    claimBudgets([budget], cents(0.1)).settle(cents(0.3));
    expect(budget.stats()).toMatchObject({ spentUsd: 0.3, leftUsd: 0 });
    expect(() => fullBudget([budget], cents(0.01))).toThrow('Budget of process exceeded');
  });

  test('nothing is lost or made up: spent, reserved and left always add up to the limit', () => {
    const step = fc.record({
      kind: fc.constantFrom('reserve' as const, 'settle' as const, 'release' as const),
      nano: fc.integer({ min: 0, max: 40_000_000 }),
      which: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const budget = new Budget('run', 'r', { usd: 0.5, tokens: 500_000_000 });
        const open: Array<{ reservation: BudgetClaim; nano: number }> = [];
        let spentNano = 0;
        for (const { kind, nano, which } of steps) {
          if (kind === 'reserve') {
            const reserved = open.reduce((sum, one) => sum + one.nano, 0);
            try {
              const reservation = claim([budget], { usd: toUsd(nano), tokens: nano });
              if (reservation !== undefined) open.push({ reservation, nano });
              // It has to wait only for what others have reserved.
              else expect(spentNano + reserved + nano).toBeGreaterThan(500_000_000);
            } catch {
              expect(spentNano + nano).toBeGreaterThan(500_000_000);
            }
          } else {
            const [one] = open.splice(which % Math.max(1, open.length), 1);
            if (kind === 'release') one?.reservation.release();
            else if (one !== undefined) {
              const used = Math.min(nano, one.nano);
              spentNano += used;
              one.reservation.settle({ usd: toUsd(used), tokens: used });
            }
          }
          const reservedNano = open.reduce((sum, one) => sum + one.nano, 0);
          const stats = budget.stats();
          expect(toNanoUsd(stats.spentUsd)).toBe(spentNano);
          expect(toNanoUsd(stats.reservedUsd)).toBe(reservedNano);
          expect(stats.leftTokens).toBe(500_000_000 - spentNano - reservedNano);
          expect(spentNano).toBeLessThanOrEqual(500_000_000);
        }
      }),
    );
  });
});

describe('nano-dollars', () => {
  test('take decimal dollars as they are written and round what is finer up', () => {
    expect([0.01, 0.07, 0.1 + 0.2, 1.1, 4_503.599627].map(toNanoUsd)).toEqual([
      10_000_000, 70_000_000, 300_000_000, 1_100_000_000, 4_503_599_627_000,
    ]);
    expect(toNanoUsd(0.0000000375)).toBe(38);
    expect(toNanoUsd(0)).toBe(0);
  });

  test('read back as the same dollars', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000_000_000_000 }), (nano) => {
        expect(toNanoUsd(toUsd(nano))).toBe(nano);
      }),
    );
  });
});
