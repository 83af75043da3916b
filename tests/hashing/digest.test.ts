import { describe, expect, test } from '@jest/globals';
import { sha256Hex } from '../../src/hashing/digest.js';

describe('sha256Hex', () => {
  test('gives the published digests', () => {
    expect(sha256Hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  test('takes text as UTF-8 bytes', () => {
    expect(sha256Hex(Buffer.from('čaj'))).toBe(sha256Hex('čaj'));
  });
});
