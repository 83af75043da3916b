// Covers: src/testing/model-server/chat-wire.ts, src/testing/model-server/deliver.ts
// Covers: src/testing/model-server/scripted-answer.ts, src/testing/model-server/wires.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import { type ModelServer, startModelServer } from '../../src/testing/index.js';

let server: ModelServer;
afterEach(() => server.close());

const post = (path: string, body: object = {}) =>
  fetch(`${server.url}${path}`, { method: 'POST', body: JSON.stringify(body) });

describe('startModelServer', () => {
  test('listens on 127.0.0.1 and answers from a list, then with its default', async () => {
    server = await startModelServer([{ text: 'first' }]);
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const texts = [];
    for (let call = 0; call < 2; call += 1) {
      const answer = (await (await post('/v1/messages', { model: 'm' })).json()) as {
        content: [{ text: string }];
      };
      texts.push(answer.content[0].text);
    }
    expect(texts).toEqual(['first', 'ok']);
  });

  test('answers from a function of the request, and replaces the script', async () => {
    server = await startModelServer(({ api, body }) => ({ text: `${api} ${String(body.model)}` }));
    const answer = (await (await post('/v1/chat/completions', { model: 'm' })).json()) as never;
    expect(answer).toMatchObject({ choices: [{ message: { content: 'chat m' } }], model: 'm' });
    server.script({ status: 404 });
    expect((await post('/v1/responses')).status).toBe(404);
    expect(server.requests.map(({ api }) => api)).toEqual(['chat', 'responses']);
  });

  test('writes errors in the form of each protocol, with the type of their status', async () => {
    server = await startModelServer(({ body }) => ({ status: body.status as number }));
    const types = [];
    for (const status of [400, 401, 403, 404, 413, 429, 500, 529]) {
      const { error } = (await (await post('/v1/messages', { status })).json()) as {
        error: { type: string };
      };
      types.push(error.type);
    }
    expect(types).toEqual([
      'invalid_request_error',
      'authentication_error',
      'permission_error',
      'not_found_error',
      'request_too_large',
      'rate_limit_error',
      'api_error',
      'overloaded_error',
    ]);
  });

  test.each([
    ['/v1/unknown', '{}', 404],
    ['/v1/messages', 'no json', undefined],
  ])('meets %s with the body %j', async (path, body, status) => {
    server = await startModelServer();
    const answered = fetch(server.url + path, { method: 'POST', body }).then(
      (response) => response.status,
      () => undefined,
    );
    expect(await answered).toBe(status);
  });

  test('drips a stream byte by byte', async () => {
    server = await startModelServer({ fault: 'drip', dripMs: 0, text: 'slow' });
    expect(await (await post('/v1/chat/completions', { stream: true })).text()).toContain('"content":"slow"');
    expect(await (await post('/v1/chat/completions')).text()).toContain('"content":"slow"');
  });

  test('counts its sockets, and closes completely, twice if need be', async () => {
    server = await startModelServer({ fault: 'hang' });
    const hanging = post('/v1/messages', { stream: true }).then((response) => response.text());
    const request = await server.waitForRequest(0);
    expect(server.connections).toEqual({ open: 1, peak: 1, total: 1 });
    await server.close();
    await server.close();
    await expect(hanging).rejects.toThrow();
    expect((await request.closed).aborted).toBe(true);
    await expect(fetch(server.url)).rejects.toThrow();
  });

  test('closes at the end of a block', async () => {
    let url: string;
    {
      await using own = await startModelServer();
      server = own;
      url = own.url;
    }
    await expect(fetch(url)).rejects.toThrow();
  });
});
