import { describe, expect, test } from '@jest/globals';
import {
  resolveBreakerOptions,
  resolveBudgetOptions,
  resolveFairnessOptions,
  resolveHedgeOptions,
  resolveRateLimits,
} from '../../src/resilience/traffic-options.js';

describe('options of traffic control', () => {
  test('have these defaults', () => {
    expect(resolveBreakerOptions({})).toEqual({
      failureRatio: 0.5,
      minimumCalls: 5,
      windowMs: 60_000,
      openMs: 30_000,
      halfOpenCalls: 1,
    });
    expect(resolveHedgeOptions({ afterMs: 0 })).toEqual({ afterMs: 0, maxExtraRatio: 0.1 });
    expect(resolveFairnessOptions({})).toEqual({ ageingMs: 5_000 });
    expect(resolveRateLimits({ requestsPerMinute: 5 })).toEqual({ requestsPerMinute: 5 });
    expect(resolveBudgetOptions({ usd: 0, perCallUsd: 0.01 })).toEqual({ usd: 0, perCallUsd: 0.01 });
  });

  test.each([
    ['options.breaker.failureRatio', () => resolveBreakerOptions({ failureRatio: 1.5 })],
    ['options.breaker.minimumCalls', () => resolveBreakerOptions({ minimumCalls: 0 })],
    ['options.breaker', () => resolveBreakerOptions({ failures: 3 } as object)],
    ['options.hedge', () => resolveHedgeOptions({})],
    ['options.hedge', () => resolveHedgeOptions({ afterMs: 5, percentile: 95 })],
    ['options.hedge.percentile', () => resolveHedgeOptions({ percentile: 100 })],
    ['options.limits.requestsPerMinute', () => resolveRateLimits({ requestsPerMinute: 0.5 })],
    ['agents.a.budget', () => resolveBudgetOptions({ perCallUsd: 1 }, 'agents.a.budget')],
    ['options.budget.usd', () => resolveBudgetOptions({ usd: -1 })],
    ['options.fairness.tenantWeights.a', () => resolveFairnessOptions({ tenantWeights: { a: 0 } })],
  ])('name the field that is wrong: %s', (field, resolve) => {
    expect(resolve).toThrow(expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT', field }));
    expect(resolve).toThrow(field);
  });
});
