import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FORMAT_VERSION, type StoredEntry, type UnsealedEntry } from '../../src/cache/cache-entry.js';
import { Seal } from '../../src/cache/seal.js';

const NOW = Date.UTC(2026, 0, 1);
const secretOf = (text: string) => Buffer.from(text.padEnd(16, '.'));
const seal = new Seal([secretOf('one')], () => NOW);
const key = 'ab'.repeat(16);

function entry(overrides: Partial<UnsealedEntry> = {}): UnsealedEntry {
  return {
    key,
    agent: 'writer',
    tags: ['docs', 'ünï'],
    createdAt: NOW,
    expiresAt: NOW + 1_000,
    staleUntil: NOW + 2_000,
    payload: '{"output":"čau"}',
    costUsd: 0.25,
    hits: 0,
    ...overrides,
  };
}

describe('Seal', () => {
  test('verifies what it sealed', () => {
    const stored = seal.seal(entry());
    expect(stored).toMatchObject({ formatVersion: FORMAT_VERSION, keyId: seal.keyId });
    expect(stored.signature).toMatch(/^[0-9a-f]{64}$/);
    expect(stored.sizeBytes).toBe(32 + Buffer.byteLength('{"output":"čau"}') + 4 + 5);
    expect(seal.verify(stored, key)).toBe('ok');
  });

  test('signs the same entry in the same way and another in another', () => {
    expect(seal.seal(entry())).toEqual(seal.seal(entry()));
    expect(seal.seal(entry({ payload: '{}' })).signature).not.toBe(seal.seal(entry()).signature);
  });

  test('does not sign how often an entry was served', () => {
    expect(seal.verify({ ...seal.seal(entry()), hits: 99 }, key)).toBe('ok');
  });

  test('refuses an entry under another key', () => {
    const other = 'cd'.repeat(16);
    const stored = seal.seal(entry());
    expect(seal.verify(stored, other)).toBe('other-key');
    expect(seal.verify({ ...stored, key: other }, other)).toBe('bad-signature');
  });

  test.each<[string, Partial<StoredEntry>, string]>([
    ['another agent', { agent: 'other' }, 'bad-signature'],
    ['another tag of the same length', { tags: ['docz', 'ünï'] }, 'bad-signature'],
    ['tags joined differently', { tags: ['docsünï'] }, 'bad-signature'],
    ['a later expiry', { expiresAt: NOW + 9_000 }, 'bad-signature'],
    ['a later stale time', { staleUntil: NOW + 9_000 }, 'bad-signature'],
    ['an earlier creation', { createdAt: NOW - 1 }, 'bad-signature'],
    ['another price', { costUsd: 99 }, 'bad-signature'],
    ['another payload of another length', { payload: '{}' }, 'malformed'],
    ['another payload of the same length', { payload: '{"output":"čao"}' }, 'bad-signature'],
    ['another size', { sizeBytes: 1 }, 'malformed'],
    ['no signature', { signature: '' }, 'bad-signature'],
    ['a null signature', { signature: null as unknown as string }, 'bad-signature'],
    ['another key id', { keyId: 'ffffffffffff' }, 'unknown-key'],
    ['a null key id', { keyId: null as unknown as string }, 'unknown-key'],
    ['an older version', { formatVersion: 0 }, 'older-version'],
    ['a newer version', { formatVersion: FORMAT_VERSION + 1 }, 'newer-version'],
    ['a version that is no number', { formatVersion: 'x' as unknown as number }, 'malformed'],
    ['a payload of bytes', { payload: Buffer.from('x') as unknown as string }, 'malformed'],
    ['tags that are no list', { tags: 'docs' as unknown as string[] }, 'malformed'],
    ['tags that are no texts', { tags: [1] as unknown as string[] }, 'malformed'],
  ])('refuses %s', (_, change, verdict) => {
    expect(seal.verify({ ...seal.seal(entry()), ...change }, key)).toBe(verdict);
  });

  test('refuses an entry from more than a minute ahead, once its signature holds', () => {
    const near = seal.seal(entry({ createdAt: NOW + 60_000 }));
    const far = seal.seal(entry({ createdAt: NOW + 60_001 }));
    expect(seal.verify(near, key)).toBe('ok');
    expect(seal.verify(far, key)).toBe('future');
    expect(seal.verify({ ...far, signature: near.signature }, key)).toBe('bad-signature');
  });

  test('rotates: the first secret signs, all verify, a dropped one does not', () => {
    const rotated = new Seal([secretOf('two'), secretOf('one')], () => NOW);
    const old = seal.seal(entry());
    const fresh = rotated.seal(entry());
    expect(rotated.verify(old, key)).toBe('ok');
    expect(rotated.verify(fresh, key)).toBe('ok');
    expect(seal.verify(fresh, key)).toBe('unknown-key');
    expect(fresh.keyId).not.toBe(old.keyId);
  });

  test('cannot be fooled by a key id of another secret', () => {
    const rotated = new Seal([secretOf('two'), secretOf('one')], () => NOW);
    const stored = rotated.seal(entry());
    expect(rotated.verify({ ...stored, keyId: seal.keyId }, key)).toBe('bad-signature');
  });

  test('does not show the secret in its key id or in what it stores', () => {
    const stored = JSON.stringify(seal.seal(entry()));
    expect(seal.keyId).toMatch(/^[0-9a-f]{12}$/);
    for (const encoding of ['utf8', 'hex', 'base64'] as const) {
      expect(stored).not.toContain(secretOf('one').toString(encoding));
    }
  });
});

describe('Seal, by property', () => {
  test('refuses an entry in which any one character was replaced', () => {
    const arbitrary = fc.record({
      payload: fc.string({ minLength: 1 }),
      at: fc.nat(),
      by: fc.string({ minLength: 1, maxLength: 1 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ payload, at, by }) => {
        const stored = seal.seal(entry({ payload }));
        const index = at % payload.length;
        fc.pre(payload[index] !== by);
        const changed = payload.slice(0, index) + by + payload.slice(index + 1);
        expect(seal.verify({ ...stored, payload: changed }, key)).not.toBe('ok');
      }),
    );
  });

  test('gives different entries different signatures, wherever a boundary between fields falls', () => {
    const text = fc.string({ maxLength: 6 });
    const fields = fc.record({ agent: text, tags: fc.array(text, { maxLength: 3 }), payload: text });
    fc.assert(
      fc.property(fields, fields, (left, right) => {
        const same = JSON.stringify(left) === JSON.stringify(right);
        expect(seal.seal(entry(left)).signature === seal.seal(entry(right)).signature).toBe(same);
      }),
    );
  });
});
