import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';
import { canonicalJson } from '../../src/hashing/canonical-json.js';

function refusalOf(value: unknown, field?: string): InvalidArgumentError {
  try {
    canonicalJson(value, field);
  } catch (error) {
    return error as InvalidArgumentError;
  }
  throw new Error('nothing was refused');
}

class Point {
  readonly x = 1;
}

describe('canonicalJson', () => {
  test('writes keys in one order, whatever order they came in', () => {
    expect(canonicalJson({ b: 1, a: { d: [1, 'x', null], c: true } })).toBe(
      '{"a":{"c":true,"d":[1,"x",null]},"b":1}',
    );
  });

  test('sorts many keys as it sorts few', () => {
    const keys = Array.from({ length: 40 }, (_, index) => `key${index}`);
    const forwards = Object.fromEntries(keys.map((key) => [key, 1]));
    const backwards = Object.fromEntries(keys.toReversed().map((key) => [key, 1]));
    expect(canonicalJson(backwards)).toBe(canonicalJson(forwards));
    expect(Object.keys(JSON.parse(canonicalJson(forwards)) as object)).toEqual(keys.toSorted());
  });

  test('leaves out undefined properties, as every wire format does', () => {
    expect(canonicalJson({ a: undefined, b: 1, c: undefined })).toBe('{"b":1}');
    expect(canonicalJson({ a: undefined })).toBe('{}');
  });

  test('writes minus zero as zero', () => {
    expect(canonicalJson(-0)).toBe('0');
  });

  test('tells types apart', () => {
    const texts = ['1', 1, true, 'true', null, 'null', [], {}, [[]], [null], '', 0, false].map((value) =>
      canonicalJson(value),
    );
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('keeps lone surrogates distinct from each other, from the replacement character and from their escapes', () => {
    const values = ['\ud800', '\udc00', '\ufffd', '\\ud800', '\ud83d\ude00', '\ude00\ud83d'];
    const bytes = values.map((value) => Buffer.from(canonicalJson(value)).toString('hex'));
    expect(new Set(bytes).size).toBe(values.length);
    for (const value of values) expect(JSON.parse(canonicalJson(value))).toBe(value);
  });

  test('does not merge what is composed with what is precomposed', () => {
    expect(canonicalJson('\u00e9')).not.toBe(canonicalJson('e\u0301'));
  });

  test('takes an own property named __proto__ as data', () => {
    const value: unknown = JSON.parse('{"__proto__":{"admin":true},"constructor":1}');
    expect(canonicalJson(value)).toBe('{"__proto__":{"admin":true},"constructor":1}');
    expect(canonicalJson(value)).not.toBe(canonicalJson({ constructor: 1 }));
  });

  test('takes objects without a prototype and objects of another realm', () => {
    expect(canonicalJson(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}');
    expect(canonicalJson(runInNewContext('({ b: [1, { c: 2 }] })'))).toBe('{"b":[1,{"c":2}]}');
  });

  test.each([
    ['undefined', undefined, 'undefined'],
    ['undefined in an array', [1, undefined], 'undefined'],
    ['a hole in an array', new Array(1), 'undefined'],
    ['a function', { a: () => 1 }, 'a function'],
    ['a symbol', { a: Symbol('s') }, 'a symbol'],
    ['a symbol key', { [Symbol('s')]: 1 }, 'a symbol as key'],
    ['a BigInt', { a: 1n }, 'a bigint'],
    ['NaN', { a: Number.NaN }, 'NaN'],
    ['Infinity', { a: Number.NEGATIVE_INFINITY }, '-Infinity'],
    ['a date', { a: new Date(0) }, 'an instance of Date'],
    ['a map', { a: new Map() }, 'an instance of Map'],
    ['a set', { a: new Set() }, 'an instance of Set'],
    ['bytes', { a: new Uint8Array(1) }, 'an instance of Uint8Array'],
    ['a boxed string', { a: Object('text') as object }, 'an instance of String'],
    ['an instance of a class', { a: new Point() }, 'an instance of Point'],
    ['an inherited property', { a: Object.create({ b: 1 }) as object }, 'a prototype of its own'],
    ['a toJSON method', { a: { toJSON: () => 1 } }, 'a function'],
  ])('refuses %s', (_, value, what) => {
    const error = refusalOf(value);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error.message).toContain(what);
  });

  test('names the path of what it refuses', () => {
    const params = { stop: ['a', { when: new Date(0) }] };
    expect(refusalOf({ model: 'm', params }, 'request').field).toBe('request.params.stop[1].when');
  });

  test('refuses a cycle by name, and takes the same object twice', () => {
    const shared = { a: 1 };
    expect(canonicalJson([shared, shared])).toBe('[{"a":1},{"a":1}]');
    const ring: Record<string, unknown> = { skip: undefined };
    ring.again = { list: [ring] };
    const error = refusalOf(ring, 'params');
    expect(error.field).toBe('params.again.list[0]');
    expect(error.message).toContain('contains itself');
  });

  test('refuses endless nesting without running out of stack', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(refusalOf(deep).message).toContain('more than 500 levels');
  });

  test('says so when a value changes while it is read', () => {
    let reads = 0;
    const shifty = {
      get a() {
        return reads++ === 0 ? Number.NaN : 1;
      },
    };
    expect(refusalOf(shifty).message).toContain('changes while it is read');
  });

  test('lets an error of a getter pass through', () => {
    const broken = {
      get a(): number {
        throw new RangeError('mine');
      },
    };
    expect(() => canonicalJson(broken)).toThrow('mine');
  });
});
