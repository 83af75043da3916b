// Covers: src/errors/redact.ts
import { expect, test } from '@jest/globals';
import {
  causeWithoutSecrets,
  detailsWithoutSecrets,
  rememberSecret,
  rememberSecretsInUrl,
  withoutSecrets,
} from '../../src/errors/redact.js';

const KEY = 'sk-abcdefgh12345678';

test('details lose keys in lists, under secret names, and whatever lies too deep to be looked through', () => {
  let deep: unknown = 'fine';
  for (let depth = 0; depth < 12; depth += 1) deep = { deep };
  const clean = detailsWithoutSecrets({ list: [KEY, 5, null], password: 'hunter2', count: 3, deep });
  expect(clean).toMatchObject({ list: ['[removed]', 5, null], password: '[removed]', count: 3 });
  expect(JSON.stringify(clean)).not.toContain('fine');
});

test('thrown values that are no objects stay what they are, without keys', () => {
  expect(causeWithoutSecrets(`wrong ${KEY}`)).toBe('wrong [removed]');
  expect(causeWithoutSecrets(5)).toBe(5);
  expect(causeWithoutSecrets(undefined)).toBeUndefined();
});

test.each([
  ['a set', new Set([KEY])],
  ['a map', new Map([['x', KEY]])],
  ['headers', new Headers({ 'x-note': KEY })],
  ['bytes', Buffer.from(KEY)],
  ['a proxy', new Proxy({}, {})],
  ['a secret name', { token: 'abc' }],
  ['a symbol', { [Symbol('x')]: KEY }],
])('an error that holds a key in %s is replaced by a copy without it', (_where, held) => {
  const thrown = Object.assign(new Error('broken'), { held, status: 500, cause: 'because' });
  const copy = causeWithoutSecrets(thrown) as Error & { status: number };
  expect(copy).not.toBe(thrown);
  expect(copy).toMatchObject({ message: 'broken', status: 500, cause: 'because' });
  expect(copy).not.toHaveProperty('held');
});

test('a text that is no URL holds nothing to remember', () => {
  expect(() => rememberSecretsInUrl('no url at all')).not.toThrow();
});

test('the latest two thousand keys are known', () => {
  for (let key = 0; key < 2_100; key += 1) rememberSecret(`unusual+secret+${key}`);
  expect(withoutSecrets('it was unusual+secret+2099 then')).toBe('it was [removed] then');
});
