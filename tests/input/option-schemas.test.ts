// Covers: src/contracts/service-schemas.ts
import { describe, expect, test } from '@jest/globals';
import { clockSchema, loggerSchema } from '../../src/contracts/service-schemas.js';
import { count, delayMs, durationMs, numberThat } from '../../src/input/number-schemas.js';
import {
  filledText,
  flag,
  mapping,
  oneOf,
  optionsObject,
  text,
  thing,
} from '../../src/input/option-schemas.js';
import { parseOptions } from '../../src/input/parse-options.js';

const MAX_TIMER_MS = 2_147_483_647;

/** What is wrong with the value, as a user reads it; `fits` where nothing is. */
function verdict(schema: Parameters<typeof parseOptions>[0], value: unknown): string {
  try {
    expect(parseOptions(schema, value, 'it')).toEqual(value);
    return 'fits';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the schemas of options', () => {
  test.each([
    ['a duration', durationMs(), [0.5, MAX_TIMER_MS], [0, -1, MAX_TIMER_MS + 1, Number.NaN, '5', null]],
    ['a delay', delayMs(), [0, MAX_TIMER_MS], [-0.1, MAX_TIMER_MS + 1, Number.POSITIVE_INFINITY]],
    ['a count', count(1), [1, Number.MAX_SAFE_INTEGER], [0, 1.5, 2 ** 53, Number.NaN, 1n, true]],
    ['a number that fits', numberThat((value) => value > 2, 'expected more'), [3], [2, Infinity, '3']],
    ['a text', text(), ['', 'x'], [1, null]],
    ['a text with something in it', filledText('a name'), ['x'], ['', 5]],
    ['a flag', flag(), [true, false], [0, 'true', null]],
    ['one of a few words', oneOf('a', 'b'), ['a', 'b'], ['c', '', 1]],
    ['a thing', thing<unknown>(Array.isArray, 'a list'), [[]], [{}]],
    ['an object', optionsObject({}), [{}], [[], null, 5, () => {}]],
    ['a mapping', mapping(() => undefined), [{}, { a: 1 }], [[], new Map(), null, 'x']],
  ])('%s accepts what it says and nothing else', (_what, schema, good, bad) => {
    for (const value of good) expect(verdict(schema, value)).toBe('fits');
    for (const value of bad) expect(verdict(schema, value)).toMatch(/^it: expected .*; got .*\.$/);
  });

  test('say what they expect', () => {
    expect(verdict(oneOf('a', 'b', 'c'), 1)).toBe('it: expected "a", "b" or "c"; got 1.');
    expect(verdict(oneOf('a'), 1)).toBe('it: expected "a"; got 1.');
    expect(verdict(flag(), 1)).toBe('it: expected true or false; got 1.');
    expect(verdict(filledText('a name'), '')).toBe('it: expected a name; got "".');
  });

  test('name the value of a mapping that is wrong, and copy the mapping', () => {
    const weights = mapping<number>((value) => (value === 1 ? undefined : 'expected 1'));
    expect(() => parseOptions(weights, { a: 1, b: 2 }, 'weights')).toThrow('weights: b: expected 1; got 2.');
    const given = { a: 1 };
    const taken = parseOptions(weights, given, 'weights');
    expect(taken).toEqual(given);
    expect(taken).not.toBe(given);
  });

  test('take a mapping from another realm or without a prototype', () => {
    expect(
      verdict(
        mapping(() => undefined),
        Object.assign(Object.create(null), { a: 1 }),
      ),
    ).toBe('fits');
  });

  test('take a logger and a clock by what they can do', () => {
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const { error, ...less } = logger;
    expect(verdict(loggerSchema(), logger)).toBe('fits');
    expect(verdict(loggerSchema(), less)).toContain('expected a logger with debug, info, warn and error');
    expect(verdict(clockSchema(), Date)).toContain(
      'expected a clock with now, epochMs, setTimeout and clearTimeout',
    );
  });
});
