import { expect, test } from '@jest/globals';
import { LabelledFigures } from '../../src/telemetry/labels.js';

test('LabelledFigures counts values beyond the limit together, and loses none', () => {
  const counts = new LabelledFigures(3, () => ({ times: 0 }));
  for (let tenant = 0; tenant < 100_000; tenant += 1) counts.of(`tenant-${tenant}`).times += 1;
  counts.of('tenant-1').times += 1;
  expect(counts.toRecord(({ times }) => times)).toEqual({
    'tenant-0': 1,
    'tenant-1': 2,
    'tenant-2': 1,
    other: 99_997,
  });
});

test('LabelledFigures gives a value that is called `other` no place of its own', () => {
  const counts = new LabelledFigures(2, () => ({ times: 0 }));
  for (const value of ['other', 'a', 'b', 'c']) counts.of(value).times += 1;
  expect(counts.toRecord(({ times }) => times)).toEqual({ other: 2, a: 1, b: 1 });
});

test('LabelledFigures keeps labels with the names of built-in properties', () => {
  const counts = new LabelledFigures(10, () => ({ times: 0 }));
  for (const value of ['constructor', 'toString']) counts.of(value).times += 1;
  expect(counts.toRecord(({ times }) => times)).toEqual({ constructor: 1, toString: 1 });
});
