import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lineOfJsonPath, readJson } from '../../src/files/json-source.js';

describe('readJson', () => {
  test('reads every JSON text as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.json(), fc.boolean(), (json, hasMark) => {
        expect(readJson(hasMark ? `\uFEFF${json}` : json)).toEqual({ value: JSON.parse(json) });
      }),
    );
  });

  test.each([
    ['', 1],
    ['\n\n', 3],
    ['{\n  "a": 1\n  "b": 2\n}', 3],
    ['{\n  "a": 1,\n}', 3],
    ['{\n  "a": [1,\n 2', 3],
    ['{ "a": "line\nbreak" }', 1],
    ['{\n a: 1 }', 2],
    ['{}\n{}', 2],
    ['{\n "a": 01 }', 2],
    ['{\n "a": "\\x" }', 2],
  ])('names the line on which %j stops being JSON', (text, line) => {
    expect(readJson(text)).toEqual({ line });
  });

  test('names a line for every text that is cut', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (value, cut) => {
        const json = JSON.stringify(value, null, 2);
        const text = json.slice(0, cut % json.length);
        const reading = readJson(text);
        // A cut text ends on the line on which it was cut, or earlier by the white space before it.
        expect(reading.line).toBe(text.split('\n').length);
      }),
    );
  });

  test('survives a text that nests deeper than the stack', () => {
    expect(readJson('['.repeat(200_000)).line).toBe(1);
  });
});

describe('lineOfJsonPath', () => {
  const text = '{\n  "a": {\n    "b": [\n      1,\n      { "c\\n": 2 }\n    ]\n  }\n}';

  test.each([
    [[], 1],
    [['a'], 2],
    [['a', 'b'], 3],
    [['a', 'b', 0], 4],
    [['a', 'b', 1, 'c\n'], 5],
    [['a', 'missing'], 2],
    [['missing', 'b'], 1],
    [['a', 'b', 7], 3],
  ])('finds %j on line %i', (path, line) => {
    expect(lineOfJsonPath(text, path)).toBe(line);
  });

  test('finds each value of any object on the line that JSON.stringify has put it on', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { minLength: 1 }), (keys) => {
        const plain = keys.filter((key) => key !== '__proto__' && !/^\d+$/.test(key));
        const json = JSON.stringify(Object.fromEntries(plain.map((key) => [key, key])), null, 1);
        for (const [index, key] of plain.entries()) expect(lineOfJsonPath(json, [key])).toBe(index + 2);
      }),
    );
  });
});
