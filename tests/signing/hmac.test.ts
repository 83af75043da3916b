import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deriveSigningKey, isSignedBy, signHex } from '../../src/signing/hmac.js';
import { anyCharacter } from '../expectations/any-character.js';

const key = deriveSigningKey(Buffer.from('0123456789abcdef'), 'test');

describe('signHex', () => {
  test('gives 64 lowercase hex characters, the same for the same message', () => {
    const signature = signHex(key, 'head', 'body');
    expect(signature).toMatch(/^[0-9a-f]{64}$/);
    expect(signHex(key, 'head', 'body')).toBe(signature);
    expect(signHex(key, 'head', 'bodY')).not.toBe(signature);
  });

  test('depends on the secret and on the purpose', () => {
    const secret = Buffer.from('0123456789abcdef');
    const others = [
      deriveSigningKey(Buffer.from('0123456789abcdeg'), 'test'),
      deriveSigningKey(secret, 'other'),
    ];
    for (const other of others) expect(signHex(other, 'a', 'b')).not.toBe(signHex(key, 'a', 'b'));
  });

  test('has a key that does not show its bytes', () => {
    const bytes = createHmac('sha256', '0123456789abcdef').update('test').digest();
    const shown = `${inspect(key, { showHidden: true })} ${JSON.stringify(key)} ${String(key)}`;
    expect(shown).not.toContain('0123456789abcdef');
    expect(shown).not.toContain(bytes.toString('hex').slice(0, 8));
    expect(shown).not.toContain(String(bytes[0]));
  });

  test('is HMAC-SHA256 as Node makes it, for texts of all kinds and lengths', () => {
    const parts = fc.string({ unit: anyCharacter, maxLength: 300 });
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        parts,
        parts,
        fc.nat(60_000),
        (secret, head, body, more) => {
          const derived = createHmac('sha256', secret).update('test').digest();
          const long = `${body}${'é'.repeat(more)}`;
          const expected = createHmac('sha256', derived).update(head).update(long).digest('hex');
          expect(signHex(deriveSigningKey(secret, 'test'), head, long)).toBe(expected);
        },
      ),
    );
  });

  test('gives the same after a text that is far longer', () => {
    const before = signHex(key, 'head', 'body');
    expect(signHex(key, 'head', 'x'.repeat(1_000_000))).not.toBe(before);
    expect(signHex(key, 'head', 'body')).toBe(before);
  });
});

describe('isSignedBy', () => {
  const signature = signHex(key, 'head', 'body');

  test('accepts the signature of exactly this message', () => {
    expect(isSignedBy(key, 'head', 'body', signature)).toBe(true);
    expect(isSignedBy(key, 'head', 'other', signature)).toBe(false);
  });

  test.each([
    ['one character changed', `${signature.slice(0, 63)}${signature.endsWith('0') ? '1' : '0'}`],
    ['upper case', 'AB'.repeat(32)],
    ['too short', signature.slice(1)],
    ['too long', `${signature}0`],
    ['ends in a line break', `${signature}\n`],
    ['empty', ''],
    ['undefined', undefined],
    ['null', null],
    ['bytes', Buffer.alloc(32)],
  ])('refuses a signature that is %s', (_, given) => {
    expect(isSignedBy(key, 'head', 'body', given)).toBe(false);
  });
});
