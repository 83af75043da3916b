// Covers: src/errors/redact.ts
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import { EVENT_NAMES } from '../../src/contracts/events.js';
import {
  causeWithoutSecrets,
  isSecretName,
  rememberSecret,
  withoutSecrets,
} from '../../src/errors/redact.js';
import { AsyncOrchestrator } from '../../src/index.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { httpAgent } from '../../src/providers/http/http-agent.js';
import { openai } from '../../src/providers/openai/openai.js';
import { sendEvents, sendJson, WireServer } from './answers/wire-server.js';

let server: WireServer;
beforeEach(async () => {
  server = new WireServer();
  await server.listen();
});
afterEach(() => server.close());

/** A key whose form nothing gives away, and one that ends with a line break, as keys that are read from files do. */
const KEYS = ['Zq8vTn3LwR7yKd2MhB5xJc9P', 'Zq8vTn3LwR7yKd2MhB5xJc9P\n'] as const;
const SECRET = 'Zq8vTn3LwR7yKd2MhB5xJc9P';

/** How a key may stand in a text. */
const FORMS: Readonly<Record<string, string>> = {
  plain: SECRET,
  'with a line break in it': `${SECRET.slice(0, 9)}\n${SECRET.slice(9)}`,
  'with an escaped line break in it': `${SECRET.slice(0, 9)}\\n${SECRET.slice(9)}`,
  'with CRLF and an indent': `${SECRET.slice(0, 5)}\r\n   ${SECRET.slice(5)}`,
  'in base64': Buffer.from(SECRET).toString('base64'),
};

/** The secret with all white space and escapes taken out of the text, so that no form of it is missed. */
function holdsSecret(text: string): boolean {
  const squeezed = text.replace(/\\+[nrt]|\s|%0[AD]/g, '');
  return squeezed.includes(SECRET) || squeezed.includes(Buffer.from(SECRET).toString('base64'));
}

/** Everything that can be seen of an error: message, stack, causes, details, JSON, own and hidden fields. */
function everythingOf(error: unknown): string {
  const seen = new Set<unknown>();
  const parts = [inspect(error, { depth: 12, showHidden: true }), String(error), JSON.stringify(error)];
  for (let current = error; typeof current === 'object' && current !== null && !seen.has(current); ) {
    seen.add(current);
    const { message, stack, details, cause } = current as Record<string, unknown>;
    parts.push(String(message), String(stack), JSON.stringify(details) ?? '');
    current = cause;
  }
  return parts.join('\n');
}

/** The error of a call, and everything that was logged, reported in events or counted meanwhile. */
async function failureOf(agent: AgentDefinition, isStreamed: boolean) {
  const logged: unknown[] = [];
  const log = (...given: unknown[]): void => {
    logged.push(given);
  };
  const logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  await using orchestrator = new AsyncOrchestrator({
    agents: { a: agent },
    maxRetries: 0,
    logger,
  } as never);
  for (const name of EVENT_NAMES) orchestrator.on(name, (payload) => void logged.push(payload));
  const call = isStreamed
    ? orchestrator.stream('a' as never, 'hello').result
    : orchestrator.execute('a' as never, 'hello');
  const error = await (call as Promise<unknown>).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeDefined();
  logged.push(orchestrator.stats());
  return everythingOf(error) + inspect(logged, { depth: 12, showHidden: true });
}

const MODEL_AGENTS = [
  [
    'openai',
    (key: string, more: object = {}) =>
      openai({ model: 'm', apiKey: key, baseURL: `${server.url}/v1`, ...more }),
  ],
  [
    'responses',
    (key: string, more: object = {}) =>
      openai({ model: 'm', api: 'responses', apiKey: key, baseURL: `${server.url}/v1`, ...more }),
  ],
  [
    'anthropic',
    (key: string, more: object = {}) => anthropic({ model: 'm', apiKey: key, baseURL: server.url, ...more }),
  ],
] as const;

/** Bodies in which a server repeats the key that it was sent. */
const BODIES: Readonly<Record<string, (key: string) => [unknown, number]>> = {
  'an error object': (key) => [
    { error: { type: 'authentication_error', message: `Incorrect API key provided: ${key}.` } },
    401,
  ],
  'a list': (key) => [[{ error: { code: 400, message: `bad ${key}`, status: 'INVALID_ARGUMENT' } }], 400],
  'a detail': (key) => [{ detail: `key ${key} unknown` }, 403],
  'a code': (key) => [{ error: { message: 'no', code: key, type: key } }, 400],
  'a page': (key) => [`<html><title>no ${key}</title></html>`, 502],
  'an answer of status 200': (key) => [{ error: { message: `bad ${key}` } }, 200],
};

/** Errors as a client may throw them, with the request in them. */
const THROWN: Readonly<Record<string, (key: string) => unknown>> = {
  'a message': (key) => new Error(`bad ${key}`),
  'a cause': (key) => new Error('x', { cause: new Error(`bad ${key}`) }),
  'a cause of a cause': (key) => new Error('x', { cause: { cause: `key ${key}` } }),
  'request headers': (key) =>
    Object.assign(new Error('x'), { request: { headers: { authorization: `Bearer ${key}` } } }),
  'a Headers object': (key) =>
    Object.assign(new Error('x'), {
      config: { headers: new Headers({ 'x-api-key': key.replace(/\s/g, '') }) },
    }),
  'a map': (key) => Object.assign(new Error('x'), { options: new Map([['apiKey', key]]) }),
  'a symbol': (key) => Object.assign(new Error('x'), { [Symbol('options')]: { deep: [[{ key }]] } }),
  bytes: (key) => Object.assign(new Error('x'), { body: Buffer.from(`{"key":"${key}"}`) }),
  'a hidden field': (key) =>
    Object.defineProperty(new Error('x'), 'config', { value: { key }, enumerable: false }),
  'a status and a body': (key) =>
    Object.assign(new Error(`401 ${key}`), { status: 401, error: { message: `bad ${key}` } }),
  'a name': (key) => Object.assign(new Error('x'), { name: `E-${key}` }),
  'a code': (key) => Object.assign(new Error('x'), { code: key }),
  'an aggregate': (key) => new AggregateError([new Error(key)], 'x'),
  'a string': (key) => `bad ${key}`,
  'an object': (key) => ({ message: `bad ${key}`, status: 500 }),
  'a ring': (key) => {
    const error = Object.assign(new Error('x'), { self: undefined as unknown, key });
    error.self = error;
    return error;
  },
};

test('a key is searched for in more than 200 places: servers and clients, whole and streamed, in every form', () => {
  const sources = Object.keys(BODIES).length + Object.keys(THROWN).length;
  expect(MODEL_AGENTS.length * Object.keys(FORMS).length * sources * 2).toBeGreaterThan(600);
});

describe.each(MODEL_AGENTS)('a key of %s', (name, make) => {
  describe.each(Object.entries(FORMS))('%s', (_form, written) => {
    test.each(Object.entries(BODIES))('in %s appears nowhere', async (_body, write) => {
      const [body, status] = write(written);
      server.answer = (response) => sendJson(response, body, status, { 'x-request-id': SECRET });
      for (const isStreamed of [false, true])
        expect(holdsSecret(await failureOf(make(SECRET), isStreamed))).toBe(false);
    });
  });

  test.each(KEYS)('in headers, a URL and an event appears nowhere (%j)', async (key) => {
    server.answer = (response) => sendEvents(response, [{ error: { message: `bad ${SECRET}` } }]);
    const more = [{ headers: { 'x-gateway-token': key } }, { headers: { authorization: `Bearer ${key}` } }];
    const base = new URL(server.url);
    const urls = [`http://user:${SECRET}@${base.host}/v1`, `${server.url}/v1?key=${SECRET}`];
    for (const options of [...more, ...urls.map((baseURL) => ({ baseURL }))]) {
      expect(holdsSecret(await failureOf(make('another-key', options), true))).toBe(false);
    }
    expect(holdsSecret(await failureOf(make(key), true))).toBe(false);
  });

  test('at a server that is not there appears nowhere', async () => {
    const gone = new WireServer();
    await gone.listen();
    const { url } = gone;
    await gone.close();
    expect(holdsSecret(await failureOf(make(SECRET, { baseURL: `${url}/?key=${SECRET}` }), false))).toBe(
      false,
    );
  });

  test.each(Object.entries(THROWN))(
    'in a thrown error of a client (%s) appears nowhere',
    async (_place, thrown) => {
      for (const written of Object.values(FORMS)) {
        const create = (): Promise<never> => Promise.reject(thrown(written));
        const client = {
          apiKey: SECRET,
          messages: { create },
          chat: { completions: { create } },
          responses: { create },
        };
        const agent =
          name === 'anthropic'
            ? anthropic({ model: 'm', client })
            : openai({ model: 'm', client, api: name === 'responses' ? 'responses' : 'chat' });
        for (const isStreamed of [false, true])
          expect(holdsSecret(await failureOf(agent, isStreamed))).toBe(false);
      }
    },
  );
});

test.each(Object.entries(FORMS))('a key of an HTTP agent, %s, appears nowhere', async (_form, written) => {
  for (const [, write] of Object.entries(BODIES)) {
    const [body, status] = write(written);
    server.answer = (response) => sendJson(response, body, status);
    const url = `${server.url}/ask?api_key=${SECRET}`;
    for (const options of [
      { url },
      { url: server.url, headers: { 'x-api-key': SECRET } },
      { url: server.url, headers: () => ({ authorization: `Bearer ${SECRET}` }) },
    ]) {
      expect(holdsSecret(await failureOf(httpAgent(options), false))).toBe(false);
    }
  }
});

describe('withoutSecrets', () => {
  test.each([
    'sk-ant-api03-abcdefgh12345678',
    'sk-proj-abc_def-123',
    'sk-secret',
    'gsk_abcdefgh12345678',
    'xai-abcdefgh12345678',
    'AIzaSyA1234567890abcdefghijk',
    'AKIAIOSFODNN7EXAMPLE',
    'ghp_abcdefgh123456789012',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def',
  ])('removes %s, which nobody remembered', (key) => {
    const [head, tail] = [key.slice(0, -4), key.slice(-4)];
    expect(withoutSecrets(`The key ${key} is wrong.`)).not.toContain(head);
    expect(withoutSecrets(`{"a":"${key}"}`)).not.toContain(tail);
  });

  test.each([
    ['Authorization: Bearer abc123def456', 'abc123def456'],
    ['{"x-api-key":"hello-world"}', 'hello-world'],
    ['https://api.example.com/v1?key=abcd&x=1', 'abcd'],
    ['https://user:pass@example.com/', 'pass'],
    ['password=hunter2', 'hunter2'],
    ['api_key: abcd1234efgh', 'abcd1234efgh'],
    ['sk-abcdefgh1234\nijkl5678mnop', 'ijkl5678mnop'],
  ])('removes the secret of %j', (text, secret) => {
    expect(withoutSecrets(text)).not.toContain(secret);
  });

  test.each([
    'openai failed with status 401: Incorrect API key provided. Check the API key.',
    'Bearer authentication required',
    'max_tokens: 4096 is too large; the maximum is 1024 tokens.',
    'The connection to http://127.0.0.1:8080/v1 failed (ECONNREFUSED).',
    "Unknown parameter: 'response_format'. token limit exceeded",
    'Requested 5000 tokens per minute (TPM): Limit 30000, Used 29000',
  ])('leaves %j as it is', (text) => {
    expect(withoutSecrets(text)).toBe(text);
  });

  test('knows names of secret headers', () => {
    expect(
      ['authorization', 'X-Api-Key', 'api-key', 'cookie', 'x-goog-api-key', 'access_token'].every(
        isSecretName,
      ),
    ).toBe(true);
    expect(['accept', 'anthropic-version', 'x-ratelimit-remaining-tokens', 'monkey'].some(isSecretName)).toBe(
      false,
    );
  });

  test('ignores what is too short to be a key', () => {
    rememberSecret('none');
    rememberSecret(undefined);
    expect(withoutSecrets('none of it')).toBe('none of it');
  });
});

describe('causeWithoutSecrets', () => {
  test('is the thrown value itself if that holds no secret', () => {
    const clean = Object.assign(new Error('x', { cause: new Error('y') }), {
      headers: new Headers({ a: 'b' }),
    });
    expect(causeWithoutSecrets(clean)).toBe(clean);
  });

  test('keeps the facts of one that does', () => {
    const thrown = Object.assign(
      new TypeError('bad sk-abcdefgh1234', { cause: Object.assign(new Error('y'), { code: 'E' }) }),
      { status: 401 },
    );
    const kept = causeWithoutSecrets(thrown);
    expect(kept).toMatchObject({
      name: 'TypeError',
      message: 'bad [removed]',
      status: 401,
      cause: { message: 'y', code: 'E' },
    });
  });

  test('survives values that throw at every access', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    expect(causeWithoutSecrets(hostile)).toBeInstanceOf(Error);
  });
});
