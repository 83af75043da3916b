import { z } from 'zod';
import * as mini from 'zod/mini';
import type { OutputSchema } from '../../../src/contracts/output-schema.js';

/** A schema, an answer in JSON that matches it, and words that the model must see about its hardest field. */
export type Shape = readonly [name: string, schema: OutputSchema, answer: unknown, words: RegExp];

const tree: z.ZodType = z.object({
  name: z.string(),
  get children() {
    return z.array(tree);
  },
});
const circle = z.object({ r: z.number(), kind: z.literal('circle') });
const box = z.object({ w: z.number(), kind: z.literal('box') });
const many = (count: number, field: () => z.ZodType): z.ZodType =>
  z.object(Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, field()])));
const nested = (depth: number): z.ZodType =>
  depth === 0 ? z.object({ leaf: z.string() }) : z.object({ in: nested(depth - 1) });
const nestedAnswer = (depth: number): unknown =>
  depth === 0 ? { leaf: 'x' } : { in: nestedAnswer(depth - 1) };
const one = (field: z.ZodType) => z.object({ known: z.string().describe('KNOWN-FIELD'), field });
const answer = (field: unknown) => ({ known: 'x', field });

export const SHAPES: readonly Shape[] = [
  ['a plain object', one(z.string()), answer('x'), /string/],
  ['an integer with bounds', one(z.number().int().min(1).max(5)), answer(2), /"minimum":1|At least 1/],
  ['text with lengths', one(z.string().min(2).max(9)), answer('abc'), /At least 2 characters|"minLength":2/],
  ['text with a pattern', one(z.string().regex(/^[a-z]+$/)), answer('abc'), /\[a-z\]\+/],
  ['text with a lookahead', one(z.string().regex(/^(?!x).+$/)), answer('abc'), /\(\?!x\)/],
  ['an e-mail address', one(z.email()), answer('a@example.com'), /email/],
  ['a URL', one(z.url()), answer('https://example.com'), /URL|uri/],
  ['base64', one(z.base64()), answer('aGk='), /base64/],
  ['a UUID', one(z.uuid()), answer('9b2e7f0e-5f0a-4d6b-8a57-0d6a6f7b1c11'), /uuid/],
  ['a date and time as text', one(z.iso.datetime()), answer('2026-01-01T00:00:00Z'), /date-time/],
  ['a day as text', one(z.iso.date()), answer('2026-01-01'), /"format":"date"/],
  ['an address range', one(z.cidrv4()), answer('10.0.0.0/8'), /CIDR|cidr/],
  ['a token of unusual format', one(z.ulid()), answer('01ARZ3NDEKTSV4RRFFQ69G5FAV'), /ulid/],
  ['a date', one(z.coerce.date()), answer('2026-01-01T00:00:00Z'), /date and time/],
  [
    'a date made by a function',
    one(z.preprocess((text) => new Date(text as string), z.date())),
    answer('2026-01-01T00:00:00Z'),
    /date and time/,
  ],
  ['a bigint', one(z.coerce.bigint()), answer('12'), /whole number of any size/],
  [
    'an instance',
    one(z.preprocess((list) => new Set(list as string[]), z.instanceof(Set))),
    answer(['a']),
    /a Set can be made/,
  ],
  [
    'a set',
    one(z.preprocess((list) => new Set(list as string[]), z.set(z.string()))),
    answer(['a']),
    /without repeated items/,
  ],
  [
    'a map',
    one(z.preprocess((list) => new Map(list as []), z.map(z.string(), z.number()))),
    answer([['a', 1]]),
    /\[key, value\] pairs/,
  ],
  ['a custom type', one(z.custom((value) => value === 'x').describe('CUSTOM')), answer('x'), /CUSTOM/],
  ['a transform', one(z.string().transform((text) => text.length)), answer('xyz'), /string/],
  ['a refinement', one(z.string().refine((text) => text !== 'no')), answer('yes'), /string/],
  [
    'a union by a key',
    one(z.discriminatedUnion('kind', [circle, box])),
    answer({ kind: 'circle', r: 1 }),
    /circle/,
  ],
  ['a union of types', one(z.union([z.string(), z.number()])), answer(1), /number/],
  ['a list of a union', one(z.array(z.union([z.string(), z.boolean()]))), answer(['a', true]), /boolean/],
  ['a record', one(z.record(z.string(), z.number())), answer({ a: 1 }), /additionalProperties.{0,40}number/],
  ['a record with known keys', one(z.record(z.enum(['a', 'b']), z.number())), answer({ a: 1, b: 2 }), /"a"/],
  [
    'a list of records',
    one(z.array(z.record(z.string(), z.string()))),
    answer([{ a: 'b' }]),
    /additionalProperties/,
  ],
  ['any value', one(z.any().describe('ANY')), answer([1, { a: null }]), /ANY/],
  ['a tuple', one(z.tuple([z.number(), z.string()])), answer([1, 'a']), /prefixItems/],
  ['a tuple with a rest', one(z.tuple([z.number()]).rest(z.string())), answer([1, 'a', 'b']), /prefixItems/],
  [
    'an intersection',
    one(z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() }))),
    answer({ a: '1', b: '2' }),
    /"b"/,
  ],
  ['an optional field', one(z.string().optional()), { known: 'x' }, /"field"/],
  ['a default', one(z.string().default('dflt')), { known: 'x' }, /dflt/],
  ['a nullable field', one(z.string().nullable()), answer(null), /null/],
  ['a nullable date', one(z.coerce.date().nullable()), answer(null), /date and time/],
  ['an enum', one(z.enum(['x', 'y'])), answer('x'), /"x","y"/],
  ['literals of several types', one(z.literal(['a', 1, null])), answer(1), /"a",1,null/],
  ['an object that stays open', one(z.looseObject({ a: z.string() })), answer({ a: 'x', z: 1 }), /"a"/],
  ['a closed object', one(z.strictObject({ a: z.string() })), answer({ a: 'x' }), /"a"/],
  ['an empty object', one(z.object({})), answer({}), /"field"/],
  [
    'recursion at the root',
    tree as never,
    { name: 'root', children: [{ name: 'leaf', children: [] }] },
    /\$ref/,
  ],
  ['recursion in a field', one(tree), answer({ name: 'root', children: [] }), /\$ref/],
  ['12 levels', one(nested(12)), answer(nestedAnswer(12)), /leaf/],
  ['30 optional fields', one(many(30, () => z.string().optional())), answer({ f3: 'x' }), /f29/],
  [
    '20 unions',
    one(many(20, () => z.union([z.string(), z.number()]))),
    answer(Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`f${index}`, index]))),
    /f19/,
  ],
  ['a list at the root', z.array(z.string()) as never, ['a'], /array/],
  ['a union at the root', z.discriminatedUnion('kind', [circle, box]) as never, { kind: 'box', w: 2 }, /box/],
  ['text at the root', z.string() as never, 'x', /string/],
  [
    'a schema of zod/mini',
    mini.object({ known: mini.string(), field: mini.optional(mini.number()) }) as never,
    answer(1),
    /"field"/,
  ],
];
