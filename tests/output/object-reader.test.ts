// Covers: src/output/partial-json.ts, src/output/fit-partial.ts
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import type { StreamEvent } from '../../src/contracts/stream-event.js';
import { AsyncOrchestrator, defineAgent } from '../../src/index.js';
import { ObjectReader } from '../../src/output/object-reader.js';
import { readPartialJson } from '../../src/output/partial-json.js';

/** All values that come while the text grows by pieces of this size, and the last one. */
function read(schema: z.ZodType, text: string, size = 1): unknown[] {
  const reader = new ObjectReader(schema);
  const values: unknown[] = [];
  for (let at = 0; at < text.length; at += size) values.push(reader.add(text.slice(at, at + size)));
  values.push(reader.end());
  return values.filter((value) => value !== undefined);
}

/** Whether a value can become another one by growing. */
function isBeginOf(begin: unknown, whole: unknown): boolean {
  if (typeof begin === 'string' && typeof whole === 'string') return whole.startsWith(begin);
  if (Array.isArray(begin))
    return Array.isArray(whole) && begin.every((item, index) => isBeginOf(item, whole[index]));
  if (typeof begin !== 'object' || begin === null) return Object.is(begin, whole);
  const fields = whole as Record<string, unknown>;
  return Object.entries(begin).every(
    ([name, value]) => Object.hasOwn(fields, name) && isBeginOf(value, fields[name]),
  );
}

const order = z.object({
  id: z.int(),
  state: z.enum(['open', 'opened']),
  note: z.string().nullable(),
  due: z.iso.date(),
  lines: z.array(z.object({ item: z.string(), count: z.number() })),
});
const whole = {
  id: 123,
  state: 'open',
  note: 'Hé🙂"x"',
  due: '2026-01-31',
  lines: [
    { item: 'a', count: 1.5 },
    { item: 'b', count: -2 },
  ],
};

describe('ObjectReader', () => {
  test.each([1, 2, 7])('gives the value as it grows, every part of it in shape (pieces of %i)', (size) => {
    const text = JSON.stringify(whole);
    const values = read(order, text, size);
    expect(values.at(-1)).toEqual(whole);
    expect(values.length).toBeGreaterThan(10 / size);
    for (const value of values) {
      expect(isBeginOf(value, whole)).toBe(true);
      expect(
        order
          .partial()
          .extend({ lines: z.array(order.shape.lines.element.partial()).optional() })
          .safeParse(value).error,
      ).toBeUndefined();
    }
  });

  test('leaves numbers, words, enums, literals and formats out until they are complete', () => {
    const texts = read(order, '{"id":123,"state":"opened","due":"2026-01-31"').map((value) =>
      JSON.stringify(value),
    );
    expect(texts).toEqual([
      '{}',
      '{"id":123}',
      '{"id":123,"state":"opened"}',
      '{"id":123,"state":"opened","due":"2026-01-31"}',
    ]);
  });

  test.each<[string, z.ZodType, string, unknown]>([
    ['a part of another type', order, '{"id":"x","note":"a', { note: 'a' }],
    ['a property that the schema does not have', order, '{"more":1,"note":"a', { note: 'a' }],
    [
      'items after one of another type',
      z.object({ list: z.array(z.number()) }),
      '{"list":[1,"x",2]',
      { list: [1] },
    ],
    ['a fraction for an integer', order, '{"id":1.5,"note":"a', { note: 'a' }],
  ])('leaves out %s', (_what, schema, text, expected) => {
    expect(read(schema, text).at(-1)).toEqual(expected);
  });

  const shapes = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('circle'), r: z.number() }),
    z.object({ kind: z.literal('box'), w: z.string() }),
  ]);
  const tree: z.ZodType = z.object({
    name: z.string(),
    get children() {
      return z.array(tree);
    },
  });
  test.each<[string, z.ZodType, unknown]>([
    ['unions by a key', z.object({ shape: shapes }), { shape: { kind: 'box', w: 'abc' } }],
    ['a union at the root', shapes, { kind: 'circle', r: 2 }],
    ['recursion', tree, { name: 'a', children: [{ name: 'b', children: [] }] }],
    ['records', z.object({ counts: z.record(z.string(), z.number()) }), { counts: { a: 1, b: 2 } }],
    ['tuples', z.object({ point: z.tuple([z.number(), z.string()]) }), { point: [1, 'a'] }],
    [
      'intersections',
      z.object({ both: z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() })) }),
      { both: { a: 'x', b: 1 } },
    ],
    ['dates', z.object({ at: z.coerce.date() }), { at: '2026-01-01T00:00:00Z' }],
    ['open objects', z.looseObject({ a: z.string() }), { a: 'x', more: [1] }],
    ['any values', z.object({ extra: z.any() }), { extra: { a: [null, true] } }],
    ['lists at the root', z.array(z.string()), ['a', 'b']],
    ['names of prototypes', z.record(z.string(), z.number()), JSON.parse('{"__proto__":1,"constructor":2}')],
  ])('reads %s', (_what, schema, value) => {
    const values = read(schema, `Here you are:\n\`\`\`json\n${JSON.stringify(value)}\n\`\`\``);
    expect(values.at(-1)).toEqual(value);
    for (const part of values) expect(isBeginOf(part, value)).toBe(true);
  });

  test('reads no draft out of the reasoning', () => {
    expect(read(z.object({ a: z.number() }), '<think>{"a":1}</think>{"a":2}')).toEqual([{}, { a: 2 }]);
  });

  test('reads a megabyte in small pieces in linear time', () => {
    const items = Array.from({ length: 10_000 }, (_, index) => ({
      item: `number ${index} "quoted" \\`,
      count: index,
    }));
    const values = read(z.object({ lines: order.shape.lines }), JSON.stringify({ lines: items }), 20);
    expect(values.at(-1)).toEqual({ lines: items });
    expect(values.length).toBeLessThan(350);
  });

  test('gives nothing for text without JSON', () => {
    for (const text of ['', 'no', 'a } b', '{]'])
      expect(
        read(z.object({ a: z.number() }), text).filter((value) => JSON.stringify(value) !== '{}'),
      ).toEqual([]);
  });
});

describe('readPartialJson', () => {
  test('of every begin of a JSON text is a begin of its value', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.object(), fc.array(fc.jsonValue())),
        fc.nat(),
        fc.boolean(),
        (value, cut, isPretty) => {
          const text = JSON.stringify(value, null, isPretty ? 2 : undefined);
          const parsed = JSON.parse(text) as unknown;
          const partial = readPartialJson(text.slice(0, cut % (text.length + 1)));
          if (partial !== undefined) expect(isBeginOf(partial.value, parsed)).toBe(true);
          expect(readPartialJson(text)).toEqual({ value: parsed, openContainers: 0, isStringOpen: false });
        },
      ),
    );
  });

  test('survives any text', () => {
    fc.assert(fc.property(fc.string(), (text) => void readPartialJson(`{${text}`)));
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '1', 'a')),
        (parts) => void readPartialJson(parts.join('')),
      ),
    );
  });
});

describe('object events', () => {
  const agent = defineAgent({
    name: 'a',
    output: order,
    run: async function* () {
      const text = JSON.stringify(whole);
      for (let at = 0; at < text.length; at += 9) yield text.slice(at, at + 9);
    },
  });
  const eventsOf = async (stream: AsyncIterable<StreamEvent>) => {
    const events: StreamEvent[] = [];
    for await (const event of stream) events.push(event);
    return events;
  };
  const partialsOf = (events: readonly StreamEvent[]) =>
    events.flatMap((event) => (event.type === 'object' ? [event.partial] : []));

  test('come while the answer grows, from the agent, for those who share it, and from the cache', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: [agent], cache: true });
    const [first, shared] = await Promise.all([
      eventsOf(orchestrator.stream('a', 't')),
      eventsOf(orchestrator.stream('a', 't')),
    ]);
    const replayed = await eventsOf(orchestrator.stream('a', 't'));
    for (const events of [first, shared, replayed]) {
      const partials = partialsOf(events);
      expect(partials.at(-1)).toEqual(whole);
      expect(partials.length).toBeGreaterThan(5);
      expect(events.at(-1)?.type).toBe('finish');
    }
    expect(partialsOf(replayed)).toEqual(partialsOf(first));
  });

  test('do not come without a schema, and once for an agent that does not stream', async () => {
    await using orchestrator = new AsyncOrchestrator({
      agents: {
        plain: async () => JSON.stringify(whole),
        typed: defineAgent({ name: 'typed', output: order, run: async () => JSON.stringify(whole) }),
      },
    });
    expect(partialsOf(await eventsOf(orchestrator.stream('plain', 't')))).toEqual([]);
    expect(partialsOf(await eventsOf(orchestrator.stream('typed', 't')))).toEqual([whole]);
  });
});
