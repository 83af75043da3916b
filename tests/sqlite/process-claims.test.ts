import { expect, test } from '@jest/globals';
import { claimFile } from '../../src/sqlite/process-claims.js';

test('one copy of SQLite may open a file many times, another one not before the last is closed', () => {
  const first = claimFile('1:2', 'one');
  const second = claimFile('1:2', 'one');
  expect(claimFile('1:2', 'other')).toBeUndefined();
  expect(claimFile('1:3', 'other')).toBeDefined();
  first?.();
  expect(claimFile('1:2', 'other')).toBeUndefined();
  second?.();
  const late = claimFile('1:2', 'other');
  expect(claimFile('1:2', 'one')).toBeUndefined();
  late?.();
});
