import { describe, expect, test } from '@jest/globals';
import { BudgetThresholds } from '../../../src/telemetry/alerts/budget-thresholds.js';
import type { BudgetSnapshot } from '../../../src/telemetry/snapshot.js';

const NOTHING: BudgetSnapshot = {
  scope: 'process',
  owner: '',
  spentUsd: 0,
  spentTokens: 0,
  reservedUsd: 0,
  reservedTokens: 0,
  leftUsd: undefined,
  leftTokens: undefined,
  limitUsd: undefined,
  limitTokens: undefined,
};

function watch(thresholds: number[], periodMs?: number) {
  const watched = new BudgetThresholds(thresholds, periodMs);
  return (budgets: Record<string, Partial<BudgetSnapshot>>, nowMs = 0) =>
    watched.update(
      Object.fromEntries(Object.entries(budgets).map(([name, budget]) => [name, { ...NOTHING, ...budget }])),
      nowMs,
      nowMs,
    );
}

describe('thresholds of budgets', () => {
  test('are passed by tokens as by dollars, whichever is used more', () => {
    const look = watch([0.5, 0.8, 0.95]);
    const [only, ...others] = look({ all: { limitTokens: 100, spentTokens: 60, limitUsd: 10, spentUsd: 1 } });
    expect(others).toEqual([]);
    expect(only).toMatchObject({
      level: 'info',
      title: '50 % of a budget is spent',
      cause: 'The budget of all calls together is used to 60 %.',
      evidence: {
        scope: 'process',
        threshold: 0.5,
        spentTokens: 60,
        limitTokens: 100,
        spentUsd: 1,
        limitUsd: 10,
      },
    });
    expect(only?.evidence).not.toHaveProperty('process');
  });

  test('leave out the unit without a limit, and name the owner', () => {
    const look = watch([0.5]);
    const [only] = look({ a: { scope: 'tenant', owner: 'acme', limitTokens: 10, spentTokens: 10 } });
    expect(only).toMatchObject({ level: 'critical', cause: 'The budget of tenant "acme" is used to 100 %.' });
    expect(only?.evidence).toMatchObject({ tenant: 'acme', spentTokens: 10 });
    expect(only?.evidence).not.toHaveProperty('limitUsd');
  });

  test('are all passed by a budget of nothing', () => {
    const levels = watch([0.95, 0.5, 0.8])({ none: { limitUsd: 0 } }).map(({ level }) => level);
    expect(levels).toEqual(['info', 'warning', 'critical']);
  });

  test('never are where there is no limit', () => {
    expect(watch([0.5])({ all: { spentUsd: 1_000, spentTokens: 1_000 } })).toEqual([]);
  });

  test('are passed once a period, and again by a budget that was gone meanwhile', () => {
    const look = watch([0.5], 1_000);
    const spent = { all: { limitUsd: 10, spentUsd: 6 } };
    expect(look(spent, 0)).toHaveLength(1);
    expect(look(spent, 999)).toHaveLength(0);
    expect(look(spent, 1_000)).toHaveLength(1);
    expect(look({}, 1_100)).toEqual([]);
    expect(look(spent, 1_200)).toHaveLength(1);
  });

  test('are watched for 10,000 budgets, and for no more', () => {
    const look = watch([0.5]);
    const many = Object.fromEntries(
      Array.from({ length: 10_001 }, (_, n) => [`tenant-${n}`, { limitUsd: 1, spentUsd: 0.1 }]),
    );
    expect(look(many)).toEqual([]);
    const spent = { limitUsd: 1, spentUsd: 0.6 };
    const later = { ...many, 'tenant-0': spent, 'tenant-10000': spent };
    expect(look(later)).toHaveLength(2);
    // The first is known to have passed; of the last nothing is kept.
    expect(look(later)).toHaveLength(1);
  });
});
