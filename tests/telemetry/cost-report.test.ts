import { expect, test } from '@jest/globals';
import { reportOfGroups } from '../../src/telemetry/cost-report.js';
import type { GroupSnapshot } from '../../src/telemetry/snapshot.js';

const group = (costUsd: number, settled: number): GroupSnapshot =>
  ({
    settled,
    cached: 1,
    tokens: { input: 10, output: 5, cacheRead: 0, cacheWrite: 0 },
    costUsd,
    savedUsd: 0.5,
  }) as GroupSnapshot;

test('a report without a history has what cost most first, then what was called most, then the names in order', () => {
  const rows = reportOfGroups({
    b: group(1, 2),
    a: group(1, 2),
    busy: group(1, 3),
    dear: group(4, 1),
    free: group(0, 9),
  });
  expect(rows.map(({ label }) => label)).toEqual(['dear', 'busy', 'a', 'b', 'free']);
  expect(rows[0]).toEqual({
    label: 'dear',
    day: undefined,
    calls: 1,
    cached: 1,
    inputTokens: 10,
    outputTokens: 5,
    costUsd: 4,
    savedUsd: 0.5,
  });
});
