import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';

interface Mutant {
  readonly place: string;
  readonly text: string;
}
const module = new URL('../../scripts/mutation/mutants.mjs', import.meta.url).href;
const { findMutants, shuffled } = (await import(module)) as {
  findMutants: (source: object) => Mutant[];
  shuffled: <Item>(items: readonly Item[], seed: number) => Item[];
};

/** The texts that a source is changed to. */
function changesOf(text: string): string[] {
  const tree = ts.createSourceFile('src/a.ts', text, ts.ScriptTarget.Latest, true);
  return findMutants({ path: 'src/a.ts', text, tree }).map((mutant) => mutant.text);
}

describe('the changes of a source', () => {
  test.each([
    ['a < b', ['a <= b']],
    ['a >= b', ['a > b']],
    ['a === b', ['a !== b']],
    ['a && b', ['a || b']],
    ['a ?? b', ['a && b']],
    ['!a', ['a']],
    ['a + b', ['a - b']],
    ['a -= b', ['a += b']],
    ['a++', ['a--']],
    ['a = 1_024', ['a = 1025']],
    ['a = true', ['a = false']],
    ['a ? b : c', ['a ? (c) : (b)']],
    ['if (a) b; else if (c) d;', ['if (a) { if (c) d; } else { b; }']],
    ['try { a } catch { b }', ['try { a } catch {}']],
    ['async () => { await a(); }', ['async () => { ; }', 'async () => { a(); }']],
    ['async () => { for await (const a of b) c; }', []],
    ['class A extends B { constructor() { super(); } }', []],
  ])('%s', (text, expected) => {
    expect(changesOf(text)).toEqual(expected);
  });

  test('leave types, imports and exports alone', () => {
    expect(changesOf("import { a } from 'b'; type A = 1 | true; let c: 2; export { a };")).toEqual([]);
    expect(changesOf('interface A { b: 1 } const c = d as 3;')).toEqual([]);
  });

  test('come in an order that follows from the seed', () => {
    const items = Array.from({ length: 100 }, (_none, index) => index);
    expect(shuffled(items, 1)).toEqual(shuffled(items, 1));
    expect(shuffled(items, 1)).not.toEqual(shuffled(items, 2));
    expect(shuffled(items, 1).sort((a, b) => a - b)).toEqual(items);
  });
});
