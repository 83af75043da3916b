import { describe, expect, test } from '@jest/globals';
import { fitPartial } from '../../src/output/fit-partial.js';

/** What is left of a complete value. */
function fitWhole(value: unknown, schema: Record<string, unknown>): unknown {
  return fitPartial({ value, openContainers: 0, isStringOpen: false }, schema);
}

/** What is left of a value that ends inside this many containers, and inside a string. */
function fitOpen(value: unknown, schema: Record<string, unknown>, openContainers: number): unknown {
  return fitPartial({ value, openContainers, isStringOpen: true }, schema);
}

describe('fitPartial', () => {
  test.each<[string, unknown, Record<string, unknown>, unknown]>([
    [
      'keeps what has the type',
      { a: 1 },
      { type: 'object', properties: { a: { type: 'integer' } } },
      { a: 1 },
    ],
    [
      'leaves out what has another',
      { a: 'x' },
      { type: 'object', properties: { a: { type: 'number' } } },
      {},
    ],
    ['gives nothing of a value of another shape', [1], { type: 'object' }, undefined],
    ['takes one of several types', null, { type: ['string', 'null'] }, null],
    ['takes a whole number for an integer', 2, { type: 'integer' }, 2],
    ['takes no fraction for an integer', 2.5, { type: 'integer' }, undefined],
    ['takes a fraction where numbers are allowed too', 2.5, { type: ['integer', 'number'] }, 2.5],
    ['takes the constant alone', 'b', { const: 'a' }, undefined],
    ['takes one of the listed values', 'a', { enum: ['a', 'b'] }, 'a'],
    ['takes no other than the listed values', 'c', { enum: ['a', 'b'] }, undefined],
    ['leaves out properties that the schema does not name', { b: 1 }, { properties: { a: {} } }, {}],
    ['keeps them where they are allowed', { b: 1 }, { additionalProperties: { type: 'number' } }, { b: 1 }],
    ['leaves them out where they are not', { b: 1 }, { additionalProperties: false }, {}],
    ['keeps everything where no property is named', { b: 1 }, {}, { b: 1 }],
    [
      'reads tuples place by place',
      ['a', 1],
      { prefixItems: [{ type: 'string' }, { type: 'number' }] },
      ['a', 1],
    ],
    ['ends a list at the first item that does not fit', [1, 'x', 2], { items: { type: 'number' } }, [1]],
    ['takes the first branch that fits', 1, { anyOf: [{ type: 'string' }, { type: 'number' }] }, 1],
    [
      'gives nothing where no branch fits',
      true,
      { oneOf: [{ type: 'string' }, { type: 'number' }] },
      undefined,
    ],
    [
      'rejects a branch for a complete property that does not fit',
      { kind: 'b', b: 1 },
      {
        anyOf: [
          { properties: { kind: { const: 'a' }, a: {} } },
          { properties: { kind: { const: 'b' }, b: {} } },
        ],
      },
      { kind: 'b', b: 1 },
    ],
    [
      'rejects a branch for a complete item that does not fit',
      [1, 'x'],
      { anyOf: [{ items: { type: 'number' } }, { items: {} }] },
      [1, 'x'],
    ],
    [
      'joins what all parts keep',
      { a: 1, b: 2 },
      { allOf: [{ properties: { a: {} } }, { properties: { b: {} } }] },
      { a: 1, b: 2 },
    ],
    [
      'gives nothing where one of all parts does not fit',
      1,
      { allOf: [{ type: 'number' }, { type: 'string' }] },
      undefined,
    ],
    ['keeps a plain value that all parts allow', 1, { allOf: [{ type: 'number' }, {}] }, 1],
    [
      'follows references',
      { a: 'x' },
      { properties: { a: { $ref: '#/$defs/text' } }, $defs: { text: { type: 'number' } } },
      {},
    ],
    [
      'follows references to older definitions and to the root',
      { a: { a: {}, b: 1 } },
      {
        properties: { a: { $ref: '#' }, b: { $ref: '#/definitions/b' } },
        definitions: { b: { type: 'string' } },
      },
      { a: { a: {} } },
    ],
    ['keeps everything where a reference leads nowhere', 1, { $ref: '#/$defs/none' }, 1],
    ['keeps everything where references form a circle', 1, { $ref: '#' }, 1],
  ])('%s', (_, value, schema, expected) => {
    expect(fitWhole(value, schema)).toEqual(expected);
  });

  test('leaves out a string that is still open where half of it is neither', () => {
    const schema = {
      type: 'object',
      properties: {
        kind: { enum: ['a', 'ab'] },
        day: { type: 'string', format: 'date' },
        text: { type: 'string' },
      },
    };
    expect(fitOpen({ kind: 'a' }, schema, 1)).toEqual({});
    expect(fitOpen({ day: '2026-0' }, schema, 1)).toEqual({});
    expect(fitOpen({ kind: 'a', text: 'ha' }, schema, 1)).toEqual({ kind: 'a', text: 'ha' });
  });

  test('does not reject a branch for a property that is still open', () => {
    const schema = {
      anyOf: [{ properties: { kind: { const: 'apple' } } }, { properties: { kind: { const: 'pear' } } }],
    };
    expect(fitOpen({ kind: 'pe' }, schema, 1)).toEqual({});
    expect(fitWhole({ kind: 'pear' }, schema)).toEqual({ kind: 'pear' });
  });
});
