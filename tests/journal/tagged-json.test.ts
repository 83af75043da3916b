import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromTagged, toTagged } from '../../src/journal/tagged-json.js';

/** What is read back when it has been written as text in between. */
const roundTrip = (value: unknown): unknown => fromTagged(JSON.parse(JSON.stringify(toTagged(value))));

describe('toTagged and fromTagged', () => {
  test('give back what they were given', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      key: fc.oneof(fc.string(), fc.constantFrom('$', '__proto__', 'constructor', 'toJSON')),
    });
    fc.assert(
      fc.property(anything, (value) => {
        expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['a minus zero', -0],
    ['no number', Number.NaN],
    ['an object that looks like a tag', { $: ['Map', [[1, 2]]] }],
    ['nested tags', { $: { $: ['undefined', null] } }],
    ['undefined in a list', [undefined, null]],
    ['half a surrogate pair', '\ud800'],
    ['a large integer', -(2n ** 200n)],
  ])('keep %s', (_what, value) => {
    expect(roundTrip(value)).toStrictEqual(value);
  });

  test('keep a date that is invalid', () => {
    expect((roundTrip(new Date(Number.NaN)) as Date).getTime()).toBeNaN();
  });

  test('read a part of a buffer into memory of its own', () => {
    const part = new Float64Array(new Float64Array([1, 2, 3]).buffer, 8, 1);
    const read = roundTrip(part) as Float64Array;
    expect([...read]).toEqual([2]);
    expect(read.buffer.byteLength).toBe(8);
  });

  test('keep a key named __proto__ as a key', () => {
    const value: unknown = JSON.parse('{"__proto__":{"admin":true},"when":1}');
    const read = roundTrip([value, undefined]) as [Record<string, unknown>];
    expect(Object.keys(read[0])).toEqual(['__proto__', 'when']);
    expect(read[0].admin).toBeUndefined();
  });

  class Mine {
    readonly a = 1;
  }
  const ring: unknown[] = [];
  ring.push({ ring });
  let deep: unknown = 1;
  for (let level = 0; level < 600; level++) deep = [deep];
  let shared: unknown = [1];
  for (let level = 0; level < 40; level++) shared = [shared, shared];

  test.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a symbol as key', { [Symbol.for('x')]: 1 }],
    ['an instance of a class', new Mine()],
    ['an error', new Error('x')],
    ['a pattern', /x/],
    ['a URL', new URL('http://127.0.0.1/')],
    ['a promise', Promise.resolve()],
    ['a DataView', new DataView(new ArrayBuffer(1))],
    ['what contains itself', ring],
    ['what is nested too deeply', deep],
    ['what is written too often', shared],
    ['a list of a billion holes', new Array(1_000_000_000)],
    [
      'a getter that throws',
      {
        get a() {
          throw new Error('no');
        },
      },
    ],
    ['what pretends to be a date', { [Symbol.toStringTag]: 'Date' }],
  ])('refuse %s', (_what, value) => {
    expect(() => toTagged({ value, bytes: 1n })).toThrow();
  });

  test.each([
    [{ $: ['Function', 'return 1'] }],
    [{ $: ['eval', '1'] }],
    [{ $: ['constructor', ''] }],
    [{ $: 1 }],
  ])('create nothing of a kind they do not know: %j', (json) => {
    expect(() => fromTagged(json as never)).toThrow(TypeError);
  });
});
