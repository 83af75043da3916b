import { describe, expect, test } from '@jest/globals';
import {
  type Check,
  expectBoolean,
  expectCount,
  expectDuration,
  expectFinite,
  expectFunction,
  expectObject,
  expectOneOf,
  expectSignal,
  expectStrings,
  expectText,
  expectUrl,
  expectWholeNumber,
  mismatch,
} from '../../src/input/checks.js';
import { describeKind } from '../../src/input/describe-value.js';

test.each<[string, Check, unknown[], unknown[], string]>([
  ['expectText', expectText, ['a', ' '], ['', 1, null], 'a non-empty string'],
  ['expectBoolean', expectBoolean, [true, false], [0, 'true', null], 'true or false'],
  ['expectFunction', expectFunction, [() => {}], [{}, 'f'], 'a function'],
  ['expectObject', expectObject, [{}, new Map()], [null, [], 'x', () => {}], 'an object'],
  ['expectSignal', expectSignal, [new AbortController().signal], [null, {}, 'x'], 'an AbortSignal'],
  ['expectFinite', expectFinite, [0, -1.5], [Number.NaN, Number.POSITIVE_INFINITY, '1'], 'a finite number'],
  ['expectCount', expectCount, [0, 7], [-1, 1.5, '1', 2 ** 53], 'a whole number of at least 0'],
  [
    'expectDuration',
    expectDuration,
    [0.5, 2_147_483_647],
    [0, -1, 2_147_483_648, '1'],
    'milliseconds above 0 and',
  ],
  ['expectWholeNumber', expectWholeNumber(1, 3), [1, 3], [0, 4, 1.5, '2'], 'a whole number from 1 to 3'],
  ['expectOneOf', expectOneOf('a', 'b', 'c'), ['a', 'c'], ['d', 1, undefined], '"a", "b" or "c"'],
  [
    'expectUrl',
    expectUrl,
    ['http://a', 'https://a/b'],
    ['ftp://a', 'http://', 'a', new URL('http://a')],
    'a URL that',
  ],
  ['expectStrings', expectStrings, [{}, { a: 'b' }], [{ a: 1 }, [], null], 'an object of strings'],
])(
  '%s accepts valid values and says what is expected in place of others',
  (_name, check, valid, invalid, expected) => {
    for (const value of valid) expect(check(value)).toBeUndefined();
    for (const value of invalid) expect(check(value)).toMatch(expected);
  },
);

describe('mismatch', () => {
  test('names the field, what was expected and what came', () => {
    expect(mismatch('options.port', 'a number', 'x')).toMatchObject({
      code: 'TUTTI_INVALID_ARGUMENT',
      field: 'options.port',
      message: 'options.port: expected a number; got "x".',
    });
  });
});

describe('describeKind', () => {
  test.each([
    ['secret', 'a string'],
    ['', 'an empty string'],
    [5, '5'],
    [null, 'null'],
    [[1], 'an array of 1'],
  ])('says %p as %s', (value, expected) => {
    expect(describeKind(value)).toBe(expected);
  });
});
