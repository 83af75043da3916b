// Covers: src/resilience/retry/code-fault.ts
import { describe, expect, test } from '@jest/globals';
import { ProviderAuthError } from '../../../src/errors/provider-errors.js';
import { BodyFault } from '../../../src/providers/transport/body-guard.js';
import { translateClientError } from '../../../src/providers/transport/client-errors.js';
import { readErrorBody } from '../../../src/providers/transport/error-body.js';

const facts = { provider: 'anthropic', model: 'm', status: undefined, requestId: undefined };
const never = new AbortController().signal;
const translate = (thrown: unknown, more: object = {}) =>
  translateClientError(thrown, { ...facts, ...more }, never) as Error & Record<string, unknown>;
const withCode = (code: string) => Object.assign(new Error('x'), { code });

describe('translateClientError', () => {
  test('gives the reason of an abort, whatever the client made of it', () => {
    const reason = new Error('enough');
    expect(translateClientError(new Error('aborted'), facts, AbortSignal.abort(reason))).toBe(reason);
  });

  test('leaves our own errors alone', () => {
    const error = new ProviderAuthError('no', { provider: 'x' });
    expect(translate(error)).toBe(error);
  });

  test.each([
    ['ECONNRESET', 'TUTTI_PROVIDER_NETWORK', true],
    ['EPIPE', 'TUTTI_PROVIDER_NETWORK', true],
    ['ENOTFOUND', 'TUTTI_PROVIDER_NETWORK', true],
    ['UND_ERR_SOCKET', 'TUTTI_PROVIDER_NETWORK', true],
    ['UND_ERR_CONNECT_TIMEOUT', 'TUTTI_PROVIDER_TIMEOUT', true],
    ['ETIMEDOUT', 'TUTTI_PROVIDER_TIMEOUT', true],
    ['CERT_HAS_EXPIRED', 'TUTTI_PROVIDER_NETWORK', false],
  ])('finds the network code %s behind the causes', (code, expected, retryable) => {
    const buried = new Error('Connection error.', {
      cause: new TypeError('fetch failed', { cause: withCode(code) }),
    });
    expect(translate(buried)).toMatchObject({ code: expected, retryable });
    expect(translate({ errors: [withCode(code)] })).toMatchObject({ code: expected });
  });

  test.each([
    ['a TypeError', new TypeError('agent.compose is not a function')],
    ['a ReferenceError', new ReferenceError('x is not defined')],
    ['a module that cannot be required', new Error('Dynamic require of "node:assert" is not supported')],
    ['a module that is not there', Object.assign(new Error('no'), { code: 'ERR_MODULE_NOT_FOUND' })],
  ])('finds %s behind what clients and fetch make of it, and does not call it a network fault', (_, bug) => {
    const fetchFailed = new TypeError('fetch failed', { cause: bug });
    for (const thrown of [bug, fetchFailed, new Error('Connection error.', { cause: fetchFailed })]) {
      expect(translate(thrown)).toMatchObject({
        code: 'TUTTI_PROVIDER_RESPONSE',
        retryable: false,
        message: expect.stringContaining(bug.message),
      });
    }
    const timedOut = new Error('Request timed out.', { cause: bug });
    expect(translate(timedOut)).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE', retryable: false });
  });

  test('repeats no value of a header, which may be a key', () => {
    const invalid = new TypeError('Headers.append: "Bearer sk-secret" is an invalid header value.');
    expect(translate(invalid).message).toMatch(/^((?!sk-secret).)*$/);
  });

  test('takes a TypeError with the code of a network fault for one, as Bun throws it', () => {
    const refused = Object.assign(new TypeError('Unable to connect.'), { code: 'ECONNREFUSED' });
    expect(translate(new TypeError('fetch failed', { cause: refused }))).toMatchObject({
      code: 'TUTTI_PROVIDER_NETWORK',
    });
  });

  test.each([
    ['Request timed out.', 'TUTTI_PROVIDER_TIMEOUT'],
    ['Connection error.', 'TUTTI_PROVIDER_NETWORK'],
    ['terminated', 'TUTTI_PROVIDER_NETWORK'],
    ['Could not resolve authentication method.', 'TUTTI_PROVIDER_AUTH'],
    ['something else', 'TUTTI_PROVIDER_RESPONSE'],
  ])('reads the message %j', (message, code) => {
    expect(translate(new Error(message))).toMatchObject({ code, provider: 'anthropic', model: 'm' });
  });

  test.each([
    ['too-large', 'TUTTI_PROVIDER_RESPONSE'],
    ['not-utf8', 'TUTTI_PROVIDER_RESPONSE'],
    ['cut', 'TUTTI_PROVIDER_NETWORK'],
  ] as const)('tells a body that was %s', (kind, code) => {
    expect(translate(new BodyFault(kind, 5))).toMatchObject({ code });
  });

  test('tells JSON that was cut from JSON that is wrong', () => {
    expect(translate(new SyntaxError('x'), { body: '{"a":' })).toMatchObject({
      code: 'TUTTI_PROVIDER_NETWORK',
    });
    expect(translate(new SyntaxError('x'), { body: '{"a":}' })).toMatchObject({
      code: 'TUTTI_PROVIDER_RESPONSE',
    });
  });

  test('believes an answer that says a retry helps', () => {
    const headers = new Headers({ 'x-should-retry': 'true' });
    expect(translate({ status: 400, headers, error: undefined })).toMatchObject({
      code: 'TUTTI_PROVIDER_REQUEST',
      retryable: true,
      message: 'anthropic failed with status 400: no reason given. Check the parameters and the task.',
    });
  });

  test.each([undefined, null, 5, 'text', {}])('wraps %j', (thrown) => {
    const error = translate(thrown);
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE' });
    expect(error.cause).toBe(thrown);
  });

  test("keeps a provider's message short", () => {
    const error = translate({ status: 400, error: { error: { message: 'x'.repeat(10_000) } } });
    expect(error.message.length).toBeLessThan(600);
  });
});

describe('readErrorBody', () => {
  test.each([
    [{ error: { type: 'a', code: 'b', message: 'c' } }, { type: 'a', code: 'b', message: 'c' }],
    [
      { type: 'a', message: 'c', code: 503 },
      { type: 'a', code: '503', message: 'c' },
    ],
    [{ error: 'plain' }, { type: undefined, code: undefined, message: 'plain' }],
    [{ error: 5 }, undefined],
    ['text', { type: undefined, code: undefined, message: 'text' }],
    ['  ', undefined],
    [null, undefined],
  ])('reads %j', (body, expected) => {
    expect(readErrorBody(body)).toEqual(expected);
  });
});
