import { describe, expect, test } from '@jest/globals';
import { isSignedBy, signHex } from '../../src/signing/hmac.js';
import { KeyRing } from '../../src/signing/key-ring.js';

const old = Buffer.from('the old secret, 16 bytes');
const fresh = Buffer.from('the new secret, 16 bytes');

describe('KeyRing', () => {
  test('signs with the first secret and verifies with all', () => {
    const before = new KeyRing([old], 'cache');
    const after = new KeyRing([fresh, old], 'cache');
    const signature = signHex(before.signer, 'head', 'body');
    expect(after.keyId).not.toBe(before.keyId);
    const found = after.find(before.keyId);
    expect(found !== undefined && isSignedBy(found, 'head', 'body', signature)).toBe(true);
    expect(before.find(after.keyId)).toBeUndefined();
  });

  test('has other keys and names for each purpose', () => {
    const cache = new KeyRing([old], 'cache');
    const journal = new KeyRing([old], 'journal');
    expect(journal.keyId).not.toBe(cache.keyId);
    expect(isSignedBy(journal.signer, 'head', 'body', signHex(cache.signer, 'head', 'body'))).toBe(false);
  });

  test('names a key by 12 hex characters that do not show the secret', () => {
    const { keyId } = new KeyRing([old], 'cache');
    expect(keyId).toMatch(/^[0-9a-f]{12}$/);
    expect(old.toString('hex')).not.toContain(keyId);
  });
});
