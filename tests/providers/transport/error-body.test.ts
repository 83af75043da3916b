import { describe, expect, test } from '@jest/globals';
import { readErrorBody } from '../../../src/providers/transport/error-body.js';
import { errorFromAnswer } from '../../../src/providers/transport/http-status.js';

const REASON = 'REASON-7';
const error = (status: number | undefined, body: unknown) =>
  errorFromAnswer(status, readErrorBody(body), { provider: 'openai' });

describe('an error body', () => {
  test.each<[string, unknown]>([
    ['of OpenAI', { error: { message: REASON, type: 'invalid_request_error', param: null, code: null } }],
    ['of Anthropic', { type: 'error', error: { type: 'invalid_request_error', message: REASON } }],
    [
      'of Gemini',
      [{ error: { code: 400, message: REASON, status: 'INVALID_ARGUMENT', details: [{ '@type': 'x' }] } }],
    ],
    ['of FastAPI', { detail: REASON }],
    [
      'of FastAPI, for invalid fields',
      { detail: [{ loc: ['body', 'messages'], msg: REASON, type: 'value_error' }] },
    ],
    ['of FastAPI, with an error in it', { detail: { error: { message: REASON } } }],
    ['of vLLM', { object: 'error', message: REASON, type: 'BadRequestError', code: 400 }],
    ['of Cohere', { message: REASON }],
    ['of Cloudflare', { success: false, errors: [{ code: 7003, message: REASON }], messages: [] }],
    ['of AWS', { __type: 'com.amazon.coral.service#ValidationException', Message: REASON }],
    ['of Spring', { timestamp: 1, status: 400, error: 'Bad Request', message: REASON, path: '/' }],
    ['of an identity provider', { error: 'invalid_request', error_description: REASON }],
    ['of a proxy', { fault: { faultstring: REASON, detail: { errorcode: 'x' } } }],
    ['with problem details', { type: 'about:blank', title: 'Bad request', detail: REASON, status: 400 }],
    ['with an error in an error', { error: { error: { message: REASON } } }],
    ['with an error in a string', { error: { message: JSON.stringify({ error: { message: REASON } }) } }],
    [
      'of a gateway, with the words of the service behind it',
      {
        error: {
          message: 'Provider returned error',
          code: 400,
          metadata: { raw: JSON.stringify({ error: { message: REASON } }) },
        },
      },
    ],
    ['with a list of texts', { errors: ['first', REASON] }],
    ['of plain text', `${REASON}\n`],
    ['of JSON in a string', JSON.stringify({ error: REASON })],
    ['of HTML', `<!DOCTYPE html><html><head><title>${REASON}</title></head><body>x</body></html>`],
    ['of HTML without a title', `<html><body><style>b{}</style><b>${REASON}</b></body></html>`],
    ['of XML', `<?xml version="1.0"?><Error><Code>x</Code><Message>${REASON}</Message></Error>`],
  ])('%s has its reason, status and a cure in the message', (_name, body) => {
    const { message } = error(400, body);
    expect(message).toContain(REASON);
    expect(message).toMatch(/^openai failed with status 400: .*Check the parameters and the task\.$/);
  });

  test.each<[unknown, string, boolean]>([
    [
      { error: { code: 429, message: 'x', status: 'RESOURCE_EXHAUSTED' } },
      'TUTTI_PROVIDER_RATE_LIMITED',
      true,
    ],
    [{ error: { message: 'x', type: 'insufficient_quota' } }, 'TUTTI_PROVIDER_RATE_LIMITED', false],
    [{ __type: 'ThrottlingException', message: 'x' }, 'TUTTI_PROVIDER_RATE_LIMITED', true],
    [{ __type: 'AccessDeniedException', message: 'x' }, 'TUTTI_PROVIDER_AUTH', false],
    [{ error: { message: 'x', status: 'UNAVAILABLE', code: 503 } }, 'TUTTI_PROVIDER_OVERLOADED', true],
    [{ error: { message: 'x', type: 'never_seen_error' } }, 'TUTTI_PROVIDER_RESPONSE', false],
  ])('%j inside an answer of status 200 is an error of its kind', (body, code, retryable) => {
    expect(error(200, body)).toMatchObject({ code, retryable, status: 200 });
  });

  test('of a content filter is a refusal that says what was filtered', () => {
    const innererror = {
      code: 'ResponsibleAIPolicyViolation',
      content_filter_result: { hate: { filtered: true, severity: 'high' }, violence: { filtered: false } },
    };
    const refused = error(400, {
      error: { message: 'The response was filtered', code: 'content_filter', innererror },
    });
    expect(refused).toMatchObject({ code: 'TUTTI_PROVIDER_REFUSAL' });
    expect(refused.message).toContain('Filtered: hate (high).');
  });

  test('says how long to wait', () => {
    const details = [{ '@type': 'Help' }, { '@type': 'RetryInfo', retryDelay: '12.5s' }];
    expect(error(429, { error: { code: 429, message: 'x', details } })).toMatchObject({
      retryAfterMs: 12_500,
    });
  });

  test.each([
    undefined,
    null,
    5,
    true,
    '',
    ' ',
    {},
    [],
    { choices: [] },
    { type: 'message' },
    { error: null },
  ])('%j says nothing', (body) => {
    expect(readErrorBody(body)).toBeUndefined();
    expect(error(502, body).message).toBe('openai failed with status 502: no reason given.');
  });

  test('that is nested without end is read to a limit', () => {
    let body: object = { message: 'deep' };
    for (let depth = 0; depth < 10_000; depth += 1) body = { error: body };
    expect(readErrorBody(body)).toBeUndefined();
  });
});
