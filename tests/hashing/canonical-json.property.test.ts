import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../../src/hashing/canonical-json.js';
import { anyCharacter } from '../expectations/any-character.js';

const anyText = fc.string({ unit: anyCharacter });
const value = fc.jsonValue({ stringUnit: anyCharacter });

/** The same value with the keys of every object in reverse order. */
function reversed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(reversed);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).reverse();
  const copy: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, child] of entries) copy[key] = reversed(child);
  return copy;
}

describe('canonicalJson, by property', () => {
  test('round-trips every JSON value', () => {
    fc.assert(
      fc.property(value, (input) => {
        expect(JSON.parse(canonicalJson(input))).toEqual(JSON.parse(JSON.stringify(input)));
      }),
    );
  });

  test('does not depend on key order', () => {
    fc.assert(
      fc.property(value, (input) => {
        expect(canonicalJson(reversed(input))).toBe(canonicalJson(input));
      }),
    );
  });

  test('gives different texts, as bytes, for different tuples of texts', () => {
    const tuple = fc.array(fc.oneof(anyText, fc.constantFrom(',', '"', '","', '\ud800', '\ufffd')), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(tuple, tuple, (left, right) => {
        const same = left.length === right.length && left.every((text, index) => text === right[index]);
        expect(Buffer.from(canonicalJson(left)).equals(Buffer.from(canonicalJson(right)))).toBe(same);
      }),
      { numRuns: 500 },
    );
  });
});
