// Covers: src/input/unknown-key.ts
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { describeValue } from '../../src/input/describe-value.js';
import { expandHome } from '../../src/input/expand-home.js';
import { nearestName } from '../../src/input/nearest-name.js';
import { optionsObject, text, valueThat } from '../../src/input/option-schemas.js';
import { parseOptions } from '../../src/input/parse-options.js';
import { list, optional, withDefault } from '../../src/input/schema.js';
import { journalPath } from '../../src/journal/run-location.js';

describe('describeValue', () => {
  test.each([
    ['text', '"text"'],
    ['x'.repeat(41), 'a string of 41 characters'],
    ['line\nbreak', '"line\\nbreak"'],
    [1, '1'],
    [Number.NaN, 'NaN'],
    [3n, '3'],
    [true, 'true'],
    [undefined, 'undefined'],
    [null, 'null'],
    [() => {}, 'a function'],
    [Symbol('x'), 'a symbol'],
    [[1, 2], 'an array of 2'],
    [{}, 'an object'],
  ])('says %p as %s', (value, expected) => {
    expect(describeValue(value)).toBe(expected);
  });
});

describe('nearestName', () => {
  test('finds slips of the pen and nothing else', () => {
    const known = ['timeoutMs', 'deadlineMs', 'maxRetries'];
    expect(nearestName('timeoutms', known)).toBe('timeoutMs');
    expect(nearestName('maxRetrys', known)).toBe('maxRetries');
    expect(nearestName('colour', known)).toBeUndefined();
    expect(nearestName('x', [])).toBeUndefined();
  });

  test('gives up after a thousand names', () => {
    function* names(): Generator<string> {
      for (let index = 0; index < 1_000; index += 1) yield `unrelated-${index}`;
      yield 'needle';
    }
    expect(nearestName('needl', names())).toBeUndefined();
  });
});

describe('parseOptions', () => {
  const number = () => valueThat<number>(Number.isFinite, 'expected a number', true);
  const schema = optionsObject({
    size: withDefault(number(), 3),
    nested: withDefault(optionsObject({ deep: optional(optionsObject({ value: text() })) }), {}),
    list: optional(list(number(), 'expected a list')),
  });

  test('fills in defaults', () => {
    expect(parseOptions(schema, {}, 'test options')).toEqual({ size: 3, nested: {} });
  });

  test.each([
    [{ size: 'x' }, 'size', 'test options: size: expected a number; got "x".'],
    [
      { nested: { deep: { value: 1 } } },
      'nested.deep.value',
      'test options: nested.deep.value: expected a string; got 1.',
    ],
    [{ nested: { deep: { valu: 1, value: 'x' } } }, 'nested.deep.valu', 'Did you mean "value"?'],
    [{ list: [1, 'x'] }, 'list.1', 'got "x"'],
    [{ nested: { deep: { value: undefined } } }, 'nested.deep.value', 'got undefined'],
    [7, 'test options', 'got 7'],
  ])('names the field of %j', (input, field, text) => {
    expect(() => parseOptions(schema, input, 'test options')).toThrow(
      expect.objectContaining({ field, message: expect.stringContaining(text) }),
    );
  });
});

describe('a path as people write it', () => {
  test.each([
    ['~', homedir()],
    ['~/.tutti', join(homedir(), '.tutti')],
    ['~other', '~other'],
    ['./~/x', './~/x'],
    ['.tutti', '.tutti'],
  ])('%s is %s', (path, expanded) => {
    expect(expandHome(path)).toBe(expanded);
  });

  test('is what the journals of runs are found by', () => {
    const written = journalPath({ directory: '~/runs', runId: 'a' });
    expect(written).toBe(journalPath({ directory: join(homedir(), 'runs'), runId: 'a' }));
  });
});
