import { describe, expect, test } from '@jest/globals';
import { readErrorBody } from '../../../src/providers/transport/error-body.js';
import { errorClassOf, errorFromAnswer } from '../../../src/providers/transport/http-status.js';

const OPTIONS = { provider: 'acme', model: 'm' };
const fromBody = (body: object, status?: number) => errorFromAnswer(status, readErrorBody(body), OPTIONS);

describe('errorFromAnswer', () => {
  // In the middle of a stream an error comes without a status.
  test.each([
    ['invalid_request_error', 'TUTTI_PROVIDER_REQUEST', false],
    ['context_length_exceeded', 'TUTTI_PROVIDER_REQUEST', false],
    ['authentication_error', 'TUTTI_PROVIDER_AUTH', false],
    ['invalid_api_key', 'TUTTI_PROVIDER_AUTH', false],
    ['billing_error', 'TUTTI_PROVIDER_AUTH', false],
    ['permission_error', 'TUTTI_PROVIDER_AUTH', false],
    ['not_found_error', 'TUTTI_PROVIDER_REQUEST', false],
    ['model_not_found', 'TUTTI_PROVIDER_REQUEST', false],
    ['request_too_large', 'TUTTI_PROVIDER_REQUEST', false],
    ['rate_limit_error', 'TUTTI_PROVIDER_RATE_LIMITED', true],
    ['rate_limit_exceeded', 'TUTTI_PROVIDER_RATE_LIMITED', true],
    ['insufficient_quota', 'TUTTI_PROVIDER_RATE_LIMITED', false],
    ['requests', 'TUTTI_PROVIDER_RATE_LIMITED', true],
    ['tokens', 'TUTTI_PROVIDER_RATE_LIMITED', true],
    ['api_error', 'TUTTI_PROVIDER_OVERLOADED', true],
    ['server_error', 'TUTTI_PROVIDER_OVERLOADED', true],
    ['timeout_error', 'TUTTI_PROVIDER_OVERLOADED', true],
    ['overloaded_error', 'TUTTI_PROVIDER_OVERLOADED', true],
    ['service_unavailable', 'TUTTI_PROVIDER_OVERLOADED', true],
    ['content_filter', 'TUTTI_PROVIDER_REFUSAL', false],
    ['content_policy_violation', 'TUTTI_PROVIDER_REFUSAL', false],
    ['something_new', 'TUTTI_PROVIDER_RESPONSE', false],
  ])('of %s without a status makes %s, retryable: %s', (name, code, retryable) => {
    for (const body of [{ error: { type: name } }, { error: { code: name } }]) {
      expect(fromBody(body)).toMatchObject({ code, retryable });
      expect(fromBody(body, 200)).toMatchObject({ code, retryable, status: 200 });
    }
  });

  test('takes a number in the body for a status if it can be one of an error', () => {
    const codes = [399, 400, 599, 600].map((code) => fromBody({ error: { code } }).code);
    expect(codes).toEqual([
      'TUTTI_PROVIDER_RESPONSE',
      'TUTTI_PROVIDER_REQUEST',
      'TUTTI_PROVIDER_OVERLOADED',
      'TUTTI_PROVIDER_RESPONSE',
    ]);
  });

  test('goes by the status of a failed answer, whatever its body says', () => {
    expect(fromBody({ error: { type: 'rate_limit_error' } }, 400).code).toBe('TUTTI_PROVIDER_REQUEST');
    expect(fromBody({ error: { type: 'invalid_request_error' } }, 399).code).toBe('TUTTI_PROVIDER_REQUEST');
  });

  test('ends its sentence once, cuts what was said at 500 characters, and adds what to do', () => {
    expect(fromBody({ error: { message: 'No!' } }, 400).message).toBe(
      'acme failed with status 400: No! Check the parameters and the task.',
    );
    expect(fromBody({ error: { message: 'no' } }, 401).message).toBe(
      'acme failed with status 401: no. Check the API key.',
    );
    expect(fromBody({ error: { message: 'x'.repeat(501) } }, 400).message).toBe(
      `acme failed with status 400: ${'x'.repeat(500)}. Check the parameters and the task.`,
    );
    expect(fromBody({}, 302).message).toMatch(/with status 302: no reason given\. It redirects/);
    expect(fromBody({ error: { type: 'not_found_error' } }).message).toBe(
      'acme failed with an error in its answer: not_found_error. Check the model name and the base URL.',
    );
  });
});

describe('errorClassOf', () => {
  test.each([
    [399, 'ProviderResponseError'],
    [400, 'ProviderRequestError'],
    [499, 'ProviderRequestError'],
    [500, 'ProviderOverloadedError'],
  ])('of %s is %s', (status, name) => {
    expect(errorClassOf(status).name).toBe(name);
  });
});
