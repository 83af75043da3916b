import { describe, expect, test } from '@jest/globals';
import { ServerPromptCache } from '../../../src/testing/model-server/prompt-cache.js';

const mark = { cache_control: { type: 'ephemeral' } };
const hour = { cache_control: { type: 'ephemeral', ttl: '1h' } };
const block = (text: string, more: object = {}) => ({ type: 'text', text, ...more });
const long = 'four'.repeat(2_000);
const ask = (...content: object[]) => ({ model: 'm', messages: [{ role: 'user', content }] });

/** The tokens of a request whose answer begins at once. */
function charge(cache: ServerPromptCache, body: Parameters<ServerPromptCache['admit']>[0]) {
  const request = cache.admit(body);
  request.begin();
  return request.charge;
}

describe('ServerPromptCache', () => {
  test('writes up to the last mark, and reads it once the answer of the first request has begun', () => {
    const cache = new ServerPromptCache({});
    const body = ask(block(long, mark), block('and this'));
    const [first, early] = [cache.admit(body), cache.admit(body)];
    expect(early.charge.cacheReadTokens).toBe(0);
    first.begin();
    const { cacheWriteTokens } = first.charge;
    expect(cacheWriteTokens).toBeGreaterThan(2_000);
    expect(charge(cache, body)).toMatchObject({ cacheReadTokens: cacheWriteTokens, cacheWriteTokens: 0 });
    expect(cache.billed.cacheWrites).toBe(1);
  });

  test('knows a text as a string and as a block, and another text as another', () => {
    const cache = new ServerPromptCache({});
    const { cacheWriteTokens } = charge(cache, { model: 'm', system: [block(long, mark)], messages: [] });
    const again = { model: 'm', system: long, messages: [{ role: 'user', content: [block('x', mark)] }] };
    expect(cache.admit(again).charge.cacheReadTokens).toBe(cacheWriteTokens);
    expect(cache.admit({ ...again, system: `${long}!` }).charge.cacheReadTokens).toBe(0);
    expect(cache.admit({ ...again, model: 'n' }).charge.cacheReadTokens).toBe(0);
  });

  test('caches nothing below its minimum, and nothing without a mark', () => {
    const cache = new ServerPromptCache({ minimumTokens: 5_000 });
    expect(charge(cache, ask(block(long, mark)))).toMatchObject({ cacheWriteTokens: 0 });
    expect(charge(cache, ask(block(long + long + long)))).toMatchObject({ cacheWriteTokens: 0 });
  });

  test('looks back 20 blocks from a mark', () => {
    const cache = new ServerPromptCache({});
    charge(cache, ask(block(long, mark)));
    const more = (count: number) => Array.from({ length: count }, (_, place) => block(`${place}`));
    expect(cache.admit(ask(block(long), ...more(18), block('x', mark))).charge.cacheReadTokens).not.toBe(0);
    expect(cache.admit(ask(block(long), ...more(19), block('x', mark))).charge.cacheReadTokens).toBe(0);
  });

  test('tells what is kept for an hour from the rest, and bills both', () => {
    const cache = new ServerPromptCache({});
    const counts = charge(cache, ask(block(long, hour), block(long, mark)));
    expect(counts.cacheWrite1hTokens).toBeCloseTo(counts.cacheWriteTokens / 2, -1);
    const { cacheWriteTokens: written, cacheWrite1hTokens: kept } = counts;
    expect(cache.billed.billedTokens).toBe(1.25 * (written - kept) + 2 * kept);
  });

  test.each([
    ['five marks', Array(5).fill(block('x', mark)), /maximum of 4 blocks/],
    ['an hour after five minutes', [block('x', mark), block('y', hour)], /must not come after/],
  ])('rejects %s', (_name, content, message) => {
    expect(() => new ServerPromptCache({}).admit(ask(...content))).toThrow(message);
  });
});
