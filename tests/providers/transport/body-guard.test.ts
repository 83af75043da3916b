import { describe, expect, test } from '@jest/globals';
import { guardStream } from '../../../src/providers/transport/body-guard.js';

/** What gets through of these chunks, or how it ends. */
async function through(limitBytes: number, ...chunks: string[]): Promise<string> {
  async function* body() {
    for (const chunk of chunks) yield Buffer.from(chunk, 'latin1');
  }
  let text = '';
  try {
    for await (const chunk of guardStream(body(), limitBytes)) text += Buffer.from(chunk).toString('latin1');
  } catch (error) {
    return (error as { kind: string }).kind;
  }
  return text;
}

describe('guardStream', () => {
  test('lets a line of the limit through, and none that is a byte longer, however it is cut', async () => {
    expect(await through(4, '1234')).toBe('1234');
    expect(await through(4, '12345')).toBe('too-large');
    expect(await through(4, '12', '34', '\n1234')).toBe('1234\n1234');
    expect(await through(4, '12', '345')).toBe('too-large');
    // What follows the last line feed of a chunk begins the line that the next one goes on with.
    expect(await through(4, 'x\n12', '34')).toBe('x\n1234');
    expect(await through(4, 'x\n12', '345')).toBe('too-large');
    expect(await through(4, '\n1234')).toBe('\n1234');
    expect(await through(4, '\n12345')).toBe('too-large');
    expect(await through(4, '123\n', '4567')).toBe('123\n4567');
  });

  test('tells bytes that are no text from an end within a character', async () => {
    expect(await through(9, 'caf\xc3', '\xa9')).toBe('caf\xc3\xa9');
    expect(await through(9, 'caf\xc3', 'x')).toBe('not-utf8');
    expect(await through(9, 'caf\xc3')).toBe('cut');
  });
});
