import { describe, expect, test } from '@jest/globals';
import { RecentMap } from '../../src/collections/recent-map.js';

/** How many of the keys up to `last` the map still has. */
function keptOf(map: RecentMap<number>, last: number): number {
  let kept = 0;
  for (let index = 0; index <= last; index += 1) if (map.get(`key${index}`) !== undefined) kept += 1;
  return kept;
}

describe('RecentMap', () => {
  test('keeps the latest half of its limit and never more than the limit', () => {
    const map = new RecentMap<number>();
    for (let index = 0; index < 1_000; index += 1) {
      map.set(`key${index}`, index, 100);
      expect(keptOf(map, index)).toBeLessThanOrEqual(100);
      for (const recent of [index, index - 49]) {
        if (recent >= 0) expect(map.get(`key${recent}`)).toBe(recent);
      }
    }
    expect(map.get('key0')).toBeUndefined();
  });

  test('takes a value out wherever it is', () => {
    const map = new RecentMap<number>();
    for (let index = 0; index < 7; index += 1) map.set(`key${index}`, index, 10);
    expect([map.take('key1'), map.take('key6'), map.take('key1'), map.take('key6')]).toEqual([
      1,
      6,
      undefined,
      undefined,
    ]);
  });

  test('is empty after clear', () => {
    const map = new RecentMap<number>();
    for (let index = 0; index < 7; index += 1) map.set(`key${index}`, index, 10);
    map.clear();
    expect(keptOf(map, 6)).toBe(0);
  });
});
