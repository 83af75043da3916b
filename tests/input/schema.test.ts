// Covers: src/input/schema.ts
import { describe, expect, test } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import { expectOneOf } from '../../src/input/checks.js';
import { count, numberThat } from '../../src/input/number-schemas.js';
import { flag, optionsObject, text, thing } from '../../src/input/option-schemas.js';
import {
  type Issue,
  list,
  type OutputOf,
  object,
  optional,
  record,
  type Schema,
  union,
  withDefault,
} from '../../src/input/schema.js';

/** Where it is wrong and what it says there. */
function issuesOf(schema: Schema<unknown>, value: unknown): string[] {
  const issues: Issue[] = [];
  schema.read(value, [], issues);
  return issues.map(({ path, message }) => [...path, message].join(': '));
}

function outputOf<Output>(schema: Schema<Output>, value: unknown): Output {
  const issues: Issue[] = [];
  const output = schema.read(value, [], issues);
  expect(issues).toEqual([]);
  return output;
}

const range = optionsObject({
  least: withDefault(count(0), 1),
  most: withDefault(count(0), 9),
  name: optional(text()),
})
  .refine(({ least, most }) => least <= most, 'expected at least `least`', 'most')
  .refine(({ least }) => least !== 7, 'expected no seven');

describe('an object', () => {
  test('is copied, with its defaults, and without what was left out', () => {
    const given = { least: 3 };
    const output = outputOf(range, given);
    expect(output).toEqual({ least: 3, most: 9 });
    expect(Object.keys(output)).toEqual(['least', 'most']);
    expect(given).toEqual({ least: 3 });
  });

  test('keeps a key that was given as undefined', () => {
    expect(Object.keys(outputOf(range, { name: undefined }))).toContain('name');
  });

  test('names every part that is wrong, and keys that it does not know', () => {
    expect(issuesOf(range, { least: -1, name: 5, mots: 1 })).toEqual([
      'least: expected a whole number of at least 0',
      'name: expected a string',
      'mots: expected an object',
    ]);
  });

  test('is asked for more rules only where the first ones hold, defaults included', () => {
    expect(issuesOf(range, { least: 10 })).toEqual(['most: expected at least `least`']);
    expect(issuesOf(range, { least: 7 })).toEqual(['expected no seven']);
    expect(issuesOf(range, { least: '7' })).toEqual(['least: expected a whole number of at least 0']);
  });

  test('keeps its shape under more rules, defaults and when it may be left out', () => {
    for (const schema of [range, optional(range), withDefault(range, {})]) {
      expect(Object.keys(schema.shape)).toEqual(['least', 'most', 'name']);
    }
  });

  test('keeps other keys where it is to', () => {
    const loose = object({ size: count(1) }, 'expected an object', 'keep');
    expect(outputOf(loose, { size: 1, colour: 'red' })).toEqual({ size: 1, colour: 'red' });
  });

  test.each([[null], [[]], [5], ['x'], [undefined]])('is not %j', (value) => {
    expect(issuesOf(range, value)).toEqual(['expected an object']);
  });

  test('has the type of its parts', () => {
    expectTypeOf<OutputOf<typeof range>>().toExtend<{
      least: number;
      most: number;
      name?: string | undefined;
    }>();
    expectTypeOf<{ least: number; most: number }>().toExtend<OutputOf<typeof range>>();
  });
});

describe('a default', () => {
  test('is read like what is given', () => {
    const nested = optionsObject({ retry: withDefault(range, {}) });
    expect(outputOf(nested, {})).toEqual({ retry: { least: 1, most: 9 } });
    expect(issuesOf(withDefault(count(1), 0), undefined)).toEqual(['expected a whole number of at least 1']);
  });
});

describe('a list', () => {
  test('is copied, and says which of its values is wrong', () => {
    const counts = list(count(1), 'expected a list of counts');
    const given = [1, 2];
    expect(outputOf(counts, given)).toEqual([1, 2]);
    expect(outputOf(counts, given)).not.toBe(given);
    expect(issuesOf(counts, [1, 0, 2, -1])).toEqual([
      '1: expected a whole number of at least 1',
      '3: expected a whole number of at least 1',
    ]);
    expect(issuesOf(counts, { 0: 1 })).toEqual(['expected a list of counts']);
  });
});

describe('a record', () => {
  test('is copied, and says which of its values is wrong', () => {
    const counts = record(count(1), 'expected an object of counts');
    const given = { a: 1, b: 2 };
    expect(outputOf(counts, given)).toEqual(given);
    expect(outputOf(counts, given)).not.toBe(given);
    expect(issuesOf(counts, { a: 1, b: 0 })).toEqual(['b: expected a whole number of at least 1']);
    expect(issuesOf(counts, [1])).toEqual(['expected an object of counts']);
  });
});

describe('a union', () => {
  const storage = union(
    [
      thing<false>((value) => value === false, 'false'),
      optionsObject({ ttlMs: optional(numberThat((ms) => ms > 0, 'expected more')) }),
    ],
    'expected false or { ttlMs }',
  );

  test('is what the first schema that fits makes of it', () => {
    expect(outputOf(storage, false)).toBe(false);
    expect(outputOf(storage, { ttlMs: 1 })).toEqual({ ttlMs: 1 });
    expect(outputOf(union([flag(), text()], 'expected either'), 'x')).toBe('x');
  });

  test('says what is wrong with the one that was meant', () => {
    expect(issuesOf(storage, { ttlMs: -1 })).toEqual(['ttlMs: expected more']);
  });

  test.each([[true], ['x'], [{ ttl: 1 }], [undefined]])(
    'says what it may be where none was meant: %j',
    (value) => {
      expect(issuesOf(storage, value)).toEqual(['expected false or { ttlMs }']);
    },
  );
});

test('a check for one word names it alone, one for several names them all', () => {
  expect(expectOneOf('a')('b')).toBe('"a"');
  expect(expectOneOf('a', 'b')('c')).toBe('"a" or "b"');
  expect(expectOneOf('a', 'b')('b')).toBeUndefined();
});
