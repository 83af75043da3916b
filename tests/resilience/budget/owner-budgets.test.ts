import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Budget, type BudgetClaim, claimBudgets, fullBudget } from '../../../src/resilience/budget/budget.js';
import { OwnerBudgets } from '../../../src/resilience/budget/owner-budgets.js';

const LIMITS = { usd: 1, tokens: 1_000 };
const CALL = { usd: 0.25, tokens: 250 };

/** So many other owners that idle budgets are folded. */
function visitOthers(budgets: OwnerBudgets, limits: object): void {
  for (let index = 0; index < 600; index += 1) budgets.get(`other ${index}`, limits);
}

describe('the budgets of many owners', () => {
  test.each([
    ['dollars', { usd: 1 }],
    ['tokens', { tokens: 1_000 }],
    ['both', LIMITS],
  ])('remember what was spent, in %s, however many owners follow', (_unit, limits) => {
    const budgets = new OwnerBudgets('tenant');
    const claim = (): BudgetClaim => {
      fullBudget([budgets.get('acme', limits)], CALL);
      return claimBudgets([budgets.get('acme', limits)], CALL);
    };
    for (let call = 0; call < 4; call += 1) {
      claim().settle(CALL);
      visitOthers(budgets, limits);
    }
    expect(claim).toThrow(expect.objectContaining({ code: 'TUTTI_BUDGET_EXCEEDED', owner: 'acme', left: 0 }));
  });

  test('keep the budget of an owner whose calls are in flight, those of unknown cost too', () => {
    const budgets = new OwnerBudgets('agent');
    const limits = { tokens: 1_000 };
    const inFlight = claimBudgets([budgets.get('acme', limits)], { usd: undefined, tokens: 0 });
    visitOthers(budgets, limits);
    inFlight.settle({ usd: undefined, tokens: 1_000 });
    visitOthers(budgets, limits);
    const next = (): unknown => fullBudget([budgets.get('acme', limits)], CALL);
    expect(next).toThrow(expect.objectContaining({ code: 'TUTTI_BUDGET_EXCEEDED', left: 0 }));
  });

  test('decide as budgets that are never folded', () => {
    const owner = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('claim'), owner, cents: fc.integer({ min: 0, max: 40 }) }),
      fc.record({ kind: fc.constant('settle'), owner, cents: fc.integer({ min: 0, max: 40 }) }),
      fc.record({ kind: fc.constant('others'), owner, cents: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const folded = new OwnerBudgets('tenant');
        const kept = new Map(['a', 'b', 'c'].map((name) => [name, new Budget('tenant', name, LIMITS)]));
        const open: Array<[BudgetClaim, BudgetClaim]> = [];
        const attempt = (budget: Budget, cents: number): BudgetClaim | undefined => {
          try {
            const worstCase = { usd: cents / 100, tokens: cents };
            return fullBudget([budget], worstCase) === undefined
              ? claimBudgets([budget], worstCase)
              : undefined;
          } catch {
            return undefined;
          }
        };
        for (const { kind, owner: name, cents } of steps) {
          if (kind === 'others') visitOthers(folded, LIMITS);
          else if (kind === 'settle') {
            for (const claim of open.pop() ?? []) claim.settle({ usd: cents / 100, tokens: cents });
          } else {
            const ours = attempt(folded.get(name, LIMITS), cents);
            const theirs = attempt(kept.get(name) as Budget, cents);
            expect(ours === undefined).toBe(theirs === undefined);
            if (ours !== undefined && theirs !== undefined) open.push([ours, theirs]);
          }
        }
        for (const [name, budget] of kept) expect(folded.get(name, LIMITS).stats()).toEqual(budget.stats());
      }),
      { numRuns: 200 },
    );
  });
});
