import { describe, expect, test } from '@jest/globals';
import { parseOptions } from '../../src/input/parse-options.js';
import {
  breakerSchema,
  budgetSchema,
  fairnessSchema,
  hedgeSchema,
  laneLimitsSchema,
} from '../../src/resilience/traffic-options.js';

describe('options of traffic control', () => {
  test('have these defaults', () => {
    expect(parseOptions(breakerSchema(), {}, 'options')).toEqual({
      failureRatio: 0.5,
      minimumCalls: 5,
      windowMs: 60_000,
      openMs: 30_000,
      halfOpenCalls: 1,
    });
    expect(parseOptions(hedgeSchema(), { afterMs: 0 }, 'options')).toEqual({
      afterMs: 0,
      maxExtraRatio: 0.1,
    });
    expect(parseOptions(fairnessSchema(), {}, 'options')).toEqual({ ageingMs: 5_000 });
    expect(parseOptions(laneLimitsSchema(), { requestsPerMinute: 5 }, 'options')).toEqual({
      requestsPerMinute: 5,
    });
    expect(parseOptions(budgetSchema(), { usd: 0, perCallUsd: 0.01 }, 'options')).toEqual({
      usd: 0,
      perCallUsd: 0.01,
    });
  });

  test.each([
    ['failureRatio', breakerSchema, { failureRatio: 1.5 }, 'expected a share above 0 and at most 1; got 1.5'],
    ['minimumCalls', breakerSchema, { minimumCalls: 0 }, 'expected a whole number of at least 1'],
    ['failureRation', breakerSchema, { failureRation: 0.3 }, 'failureRatio'],
    ['options', hedgeSchema, { afterMs: 5, percentile: 95 }, 'expected afterMs or percentile, not both'],
    ['percentile', hedgeSchema, { percentile: 100 }, 'expected a percentage from 1 to 99.9'],
    ['requestsPerMinute', laneLimitsSchema, { requestsPerMinute: 0.5 }, 'expected a whole number'],
    ['options', budgetSchema, { perCallUsd: 1 }, 'expected usd, tokens or both'],
    ['usd', budgetSchema, { usd: -1 }, 'expected dollars from 0 to 1000000'],
    ['tenantWeights.a', fairnessSchema, { tenantWeights: { a: 0 } }, 'expected a weight above 0'],
  ])('a wrong %s is named, with what was expected', (field, schema, input, message) => {
    const parse = () => parseOptions(schema(), input, 'options');
    expect(parse).toThrow(expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT', field }));
    expect(parse).toThrow(message);
  });
});
