// Covers: src/output/whole-characters.ts
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ReasoningSplitter, splitReasoning } from '../../src/output/reasoning-text.js';
import { CharacterJoiner, wholeCharacters } from '../../src/output/whole-characters.js';

describe('splitReasoning', () => {
  test.each([
    ['<think>hm</think>\n\nYes', 'Yes', 'hm'],
    ['\n<THINKING>hm</THINKING>Yes', 'Yes', 'hm'],
    ['<think type="deep">hm</think>Yes', 'Yes', 'hm'],
    ['<thought>hm</thought>Yes', 'Yes', 'hm'],
    ['<reasoning>hm</reasoning>Yes', 'Yes', 'hm'],
    ['[THINK]hm[/THINK]Yes', 'Yes', 'hm'],
    ['◁think▷hm◁/think▷Yes', 'Yes', 'hm'],
    ['<think>a</think><think>b</think>Yes', 'Yes', 'ab'],
    ['<think></think>Yes', 'Yes', ''],
    ['<think>hm, never closed', '', 'hm, never closed'],
    ['hm\n</think>\nYes', 'Yes', 'hm\n'],
    ['hm.</think>{"a":1}', '{"a":1}', 'hm.'],
    ['Yes', 'Yes', ''],
    ['', '', ''],
    ['Write <think>x</think> to think.', 'Write <think>x</think> to think.', ''],
    ['Close it with `</think>`\nand go on', 'Close it with `</think>`\nand go on', ''],
    ['Close it with </think> at the end.', 'Close it with </think> at the end.', ''],
    ['{"a":"x\\n</think>"}', '{"a":"x\\n</think>"}', ''],
    ['<thinker>x</thinker>', '<thinker>x</thinker>', ''],
    ['<p>Hello</p>', '<p>Hello</p>', ''],
  ])('of %j has the text %j and the reasoning %j', (answer, text, reasoning) => {
    expect(splitReasoning(answer)).toEqual({ text, reasoning });
  });

  test('reads ten million characters at once', () => {
    const long = 'ä'.repeat(10_000_000);
    expect(splitReasoning(long).text).toBe(long);
    expect(splitReasoning(`${long}\n</think>Yes\n`).text).toBe(
      `${long}\n</think>Yes\n`.slice(long.length + 9),
    );
  });
});

describe('ReasoningSplitter', () => {
  const inPieces = (pieces: readonly string[]) => {
    const splitter = new ReasoningSplitter();
    const given = [...pieces.flatMap((piece) => splitter.add(piece)), ...splitter.end()];
    const of = (wanted: boolean): string =>
      given.flatMap(({ isReasoning, text }) => (isReasoning === wanted ? text : [])).join('');
    return { text: of(false), reasoning: of(true) };
  };
  const part = fc.constantFrom(
    '<think>',
    '</think>',
    '<',
    'th',
    'ink>',
    '[THINK]',
    '[/THINK]',
    '\n',
    ' ',
    'a',
    '{"b":1}',
    '</',
    '◁think▷',
  );

  test('splits text in pieces as it splits the whole text that begins with its tag', () => {
    fc.assert(
      fc.property(fc.array(part), fc.integer({ min: 1, max: 9 }), (parts, size) => {
        const answer = `<think>${parts.join('')}`;
        const pieces = answer.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
        const whole = splitReasoning(answer);
        const streamed = inPieces(pieces);
        expect(streamed.text.trimEnd()).toBe(whole.text.trimEnd());
        expect(streamed.reasoning).toBe(whole.reasoning);
      }),
      { numRuns: 2_000 },
    );
  });

  test('loses nothing of text without tags, and keeps back only what may be a tag', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (pieces) => {
        const text = pieces.join('');
        fc.pre(splitReasoning(text).reasoning === '' && splitReasoning(text).text === text);
        expect(inPieces(pieces).text).toBe(text);
      }),
    );
    const splitter = new ReasoningSplitter();
    expect(splitter.add('<p')).toEqual([]);
    expect(splitter.add('>x')).toEqual([{ isReasoning: false, text: '<p>x' }]);
    expect(new ReasoningSplitter().add('[{')).toEqual([{ isReasoning: false, text: '[{' }]);
    expect(new ReasoningSplitter().add('{"a"')).toEqual([{ isReasoning: false, text: '{"a"' }]);
  });
});

describe('CharacterJoiner', () => {
  test('gives whole characters, whatever the pieces', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 4 }), (text, size) => {
        const joiner = new CharacterJoiner();
        const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
        const given = [...pieces.map((piece) => joiner.add(piece)), joiner.end()];
        expect(given.join('')).toBe(wholeCharacters(text));
        for (const piece of given) expect(wholeCharacters(piece)).toBe(piece);
      }),
    );
  });
});
