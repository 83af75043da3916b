import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compileGlob } from '../../src/cache/glob.js';

/** The plain meaning of a pattern: tries everything. */
function slowly(pattern: string, name: string): boolean {
  const [first, rest] = [pattern[0], pattern.slice(1)];
  if (first === undefined) return name === '';
  if (first === '*') return slowly(rest, name) || (name !== '' && slowly(pattern, name.slice(1)));
  return name !== '' && (first === '?' || first === name[0]) && slowly(rest, name.slice(1));
}

const letters = (units: readonly string[]) =>
  fc.array(fc.constantFrom(...units), { maxLength: 12 }).map((all) => all.join(''));

describe('compileGlob', () => {
  test('means what trying everything means', () => {
    fc.assert(
      fc.property(letters(['a', 'b', '*', '?']), letters(['a', 'b']), (pattern, name) => {
        expect(compileGlob(pattern)(name)).toBe(slowly(pattern, name));
      }),
      { numRuns: 5_000 },
    );
  });

  test('takes all other characters for themselves', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (text, other) => {
        const pattern = text.replaceAll(/[*?]/g, '.');
        expect(compileGlob(pattern)(pattern)).toBe(true);
        expect(compileGlob(pattern)(other)).toBe(pattern === other);
        expect(compileGlob(`*${pattern}*`)(`${other}${pattern}${other}`)).toBe(true);
      }),
    );
  });

  // Trying everything would not end; a million steps take milliseconds.
  test.each([
    ['stars alone', '*'.repeat(1_000_000), 'a'.repeat(1_000_000), true],
    ['stars and letters', 'a*'.repeat(500_000), 'a'.repeat(500_000), true],
    ['stars and letters, one too many', `${'a*'.repeat(500_000)}a`, 'a'.repeat(500_000), false],
    ['a long piece that nearly fits everywhere', `*${'a'.repeat(500_000)}b*`, 'a'.repeat(1_000_000), false],
    ['a piece that begins again and again', `*${'ab'.repeat(250_000)}aa*`, 'ab'.repeat(500_000), false],
    ['five stars on a name of the longest kind', '*a*a*a*a*a*b', 'a'.repeat(128), false],
  ])('comes to an end on %s', (_, pattern, name, matches) => {
    expect(compileGlob(pattern)(name)).toBe(matches);
  });
});
