// Covers: src/output/describe-issues.ts
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { findJsonSpans } from '../../src/output/json-scanner.js';
import { findJsonValues } from '../../src/output/json-text.js';
import { outputError, parseOutput, parseReply } from '../../src/output/parse-output.js';

const point = z.object({ x: z.number(), y: z.number() });
const P = { x: 1, y: 2 };

describe('parseOutput', () => {
  test.each([
    ['plain', '{"x":1,"y":2}'],
    ['with white space and a byte order mark', '\uFEFF\n {"x":1,"y":2}\n'],
    ['in a fenced block', 'Here it is:\n```json\n{"x":1,"y":2}\n```\nGood luck.'],
    ['in a fenced block without a language', '```\n{"x":1,"y":2}\n```'],
    ['in a fence of tildes', '~~~json\r\n{"x":1,"y":2}\r\n~~~'],
    ['in a block of one line', 'So: ```json {"x":1,"y":2} ``` it is.'],
    ['in a block that does not end', '```json\n{"x":1,"y":2}'],
    ['in running text', 'The answer is {"x": 1, "y": 2}, I think.'],
    ['after brackets that are no JSON', 'As [1] and {this} say, [see {below}]: {"x":1,"y":2}'],
    ['after JSON that does not match', 'Not {"x":"one"} but {"x":1,"y":2}.'],
    ['after a block that does not match', '```json\n{"x":0}\n```\nor rather\n```js\n{"x":1,"y":2}\n```'],
    ['after an opening bracket that stays open', 'Set {a, b: {"x":1,"y":2}'],
    ['inside a list that breaks off', '[{"x":1,"y":2}, {"x":'],
    ['after a stray quote in brackets', '[ "so {"x":1,"y":2}'],
  ])('finds JSON %s', (_where, text) => {
    expect(parseOutput(text, point)).toEqual({ success: true, data: P });
  });

  test('takes text and numbers where they are the whole answer or a block', () => {
    expect(parseOutput('"yes"', z.string())).toEqual({ success: true, data: 'yes' });
    expect(parseOutput('```json\n42\n```', z.number())).toEqual({ success: true, data: 42 });
  });

  test('prefers a fenced block to brackets before it', () => {
    expect(parseOutput('As in [7]:\n```json\n[1, 2]\n```', z.array(z.number()))).toEqual({
      success: true,
      data: [1, 2],
    });
  });

  test('gives the schema what it makes of it', () => {
    const schema = z.object({ at: z.string().transform((text) => text.length) });
    expect(parseOutput('{"at":"abc"}', schema)).toEqual({ success: true, data: { at: 3 } });
  });

  test('says where an answer does not match, without repeating it', () => {
    const schema = z.object({ items: z.array(point) });
    const failed = parseOutput('{"items":[{"x":1,"y":"secret"}]}', schema);
    expect(failed).toMatchObject({ success: false, path: 'items.0.y' });
    expect(JSON.stringify(failed)).toContain('items.0.y: Invalid input: expected number');
    expect(JSON.stringify(failed)).not.toContain('secret');
  });

  test('names five problems and counts the rest', () => {
    const failed = parseOutput(JSON.stringify(Array(9).fill('x')), z.array(z.number()));
    expect(failed).toMatchObject({ path: '0', message: expect.stringMatching(/4: .*; and 4 more$/) });
  });

  test.each([
    ['', 'the answer is empty'],
    ['I would rather not.', 'the answer contains no JSON (19 characters)'],
    ['```\nno json\n```', 'contains no JSON'],
  ])('says what is wrong with %j', (text, message) => {
    expect(parseOutput(text, point)).toMatchObject({ path: '', message: expect.stringContaining(message) });
  });

  test('makes an error of it', () => {
    const failed = parseOutput('{}', point);
    if (failed.success) throw new Error('it fits');
    expect(outputError('mapper', failed)).toMatchObject({
      code: 'TUTTI_OUTPUT_INVALID',
      agent: 'mapper',
      path: 'x',
    });
  });
});

describe('parseReply', () => {
  test('takes the value that an agent gave beside its text', () => {
    expect(parseReply({ output: 'text', data: P }, point)).toEqual({ success: true, data: P });
    expect(parseReply({ output: JSON.stringify(P), data: {} }, point)).toMatchObject({
      success: false,
      path: 'x',
    });
    expect(parseReply({ output: JSON.stringify(P) }, point)).toEqual({ success: true, data: P });
  });
});

describe('findJsonSpans', () => {
  const container = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()));
  const prose = fc.string().map((text) => text.replace(/[[\]{}"`~]/g, ''));

  test('finds any object or list in any text around it', () => {
    fc.assert(
      fc.property(prose, container, prose, fc.constantFrom(0, 2), (before, value, after, indent) => {
        const json = JSON.stringify(value, null, indent);
        const text = before + json + after;
        expect([...findJsonSpans(text)]).toEqual([
          { start: before.length, end: before.length + json.length },
        ]);
      }),
    );
  });

  test('finds nothing but JSON, in order and without overlaps', () => {
    const noise = fc.string({ unit: fc.constantFrom(...'[]{}",:\\ \n1-.eatrufls') });
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            noise,
            container.map((value) => JSON.stringify(value)),
          ),
        ),
        (parts) => {
          const text = parts.join('');
          for (const { start, end } of findJsonSpans(text)) {
            const value: unknown = JSON.parse(text.slice(start, end));
            expect(typeof value).toBe('object');
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test.each([
    '[',
    '{"a":',
    '["',
    '["[',
    '["\\"[',
    '[1,',
    '{"a":[',
    '["a",',
    '[[]',
    '{}[',
    '["\\u12[',
    '[-',
    '[tru',
  ])('looks at each character of repeated %j a bounded number of times', (piece) => {
    // Counts reads, not time: charCodeAt is how the scanner reads a character.
    const text = piece.repeat(20_000);
    let reads = 0;
    class CountingText extends String {
      override charCodeAt(at: number): number {
        reads += 1;
        return super.charCodeAt(at);
      }
    }
    const counting = new CountingText(text) as string;
    const spans = [...findJsonSpans(counting)];
    expect(spans.length).toBeLessThanOrEqual(text.length);
    expect(reads).toBeGreaterThan(piece.length);
    expect(reads).toBeLessThan(text.length * 8);
  });

  test('reads a string of 5 MB', () => {
    const value = { text: 'x"\\\n'.repeat(1_250_000) };
    const text = `Here: ${JSON.stringify(value)} - done`;
    expect([...findJsonValues(text)]).toEqual([value]);
  });
});
