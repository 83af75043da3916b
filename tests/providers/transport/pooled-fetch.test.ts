// Covers: src/providers/transport/content-encoding.ts
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openai } from '../../../src/providers/openai/openai.js';
import { leasePool, type PoolLease } from '../../../src/providers/transport/connection-pool.js';
import { bodyText, pooledFetch } from '../../../src/providers/transport/pooled-fetch.js';
import { generate, providerOf, rejection } from '../provider-request.js';

let server: Server;
let url: string;
let lease: PoolLease;
let answer: RequestListener = (_request, response) => response.end();
const fetchIt = (init?: RequestInit, path = '/path?x=1') => pooledFetch(lease, 1_000)(url + path, init);

beforeEach(async () => {
  lease = leasePool(2);
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await lease.release();
  await lease.release();
  server.closeAllConnections();
  server.close();
});

describe('pooledFetch', () => {
  test('tells when a request is written to its socket, not when it waits for one', async () => {
    const sent: string[] = [];
    const answers: Array<() => void> = [];
    answer = (_request, response) => answers.push(() => response.end('answer'));
    const send = (name: string) => fetchIt({ onSent: () => sent.push(name) } as RequestInit);
    const calls = ['first', 'second', 'third'].map(send);
    while (answers.length < 2) await new Promise((resolve) => setImmediate(resolve));
    // The pool has two sockets.
    expect(sent).toEqual(['first', 'second']);
    for (const end of answers.splice(0)) end();
    await Promise.all(calls.slice(0, 2).map(async (call) => (await call).text()));
    while (answers.length < 1) await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual(['first', 'second', 'third']);
    answers[0]?.();
    expect(await (await calls[2])?.text()).toBe('answer');
  });

  test('sends method, path, headers and body, and gives status, headers and body', async () => {
    answer = (request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.once('end', () => {
        response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'], 'x-method': request.method ?? '' });
        response.end(`${request.url} ${request.headers['x-one']} ${body}`);
      });
    };
    const response = await fetchIt({ method: 'POST', headers: new Headers({ 'x-one': '1' }), body: 'hello' });
    expect(response).toMatchObject({ status: 201, ok: true, url: `${url}/path?x=1` });
    expect(response.headers.get('x-method')).toBe('POST');
    expect(response.headers.get('set-cookie')).toBe('a=1, b=2');
    expect(await response.text()).toBe('/path?x=1 1 hello');
    expect(await response.text()).toBe('/path?x=1 1 hello');
    expect(await (await fetchIt({ headers: { 'x-one': '2' } })).text()).toBe('/path?x=1 2 ');
    expect(await (await fetchIt()).text()).toBe('/path?x=1 undefined ');
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['x-gzip', gzipSync],
    ['GZip', gzipSync],
    ['BR', brotliCompressSync],
    ['identity', Buffer.from],
    ['Identity, , gzip', gzipSync],
    ['deflate, gzip', (text: string) => gzipSync(deflateSync(text))],
    ['gzip ,x-gzip, BR', (text: string) => brotliCompressSync(gzipSync(gzipSync(text)))],
  ] as const)('undoes %s, which it did not ask for', async (encoding, compress) => {
    answer = (request, response) => {
      expect(request.headers['accept-encoding']).toBeUndefined();
      response.writeHead(200, { 'content-encoding': encoding }).end(compress('{"a":"é"}'));
    };
    expect(await (await fetchIt()).json()).toEqual({ a: 'é' });
  });

  test.each(['gzip', 'gzip, br'])('notices %s that is cut', async (encoding) => {
    const bytes = encoding === 'gzip' ? gzipSync('x') : brotliCompressSync(gzipSync('x'));
    answer = (_request, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(bytes.subarray(0, -4));
    };
    await expect((await fetchIt()).text()).rejects.toThrow(/unexpected end/);
  });

  test('closes the connection of a compressed body that is left', async () => {
    const left = new Promise<void>((resolve) => {
      answer = (_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' });
        response.write(gzipSync('x'.repeat(10)));
        response.once('close', resolve);
      };
    });
    for await (const bytes of (await fetchIt()).body as unknown as AsyncIterable<Uint8Array>) {
      expect(Buffer.from(bytes).toString()).toBe('x'.repeat(10));
      break;
    }
    await left;
  });

  test('leaves an encoding that it does not know as it is', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip, aes128gcm' }).end('{"a":1}');
    };
    expect(await (await fetchIt()).json()).toEqual({ a: 1 });
  });

  test('limits what compressed bytes become', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(100_000)));
    };
    await expect((await fetchIt()).text()).rejects.toMatchObject({ name: 'BodyFault', kind: 'too-large' });
  });

  test.each(['application/json', 'text/event-stream'])(
    'tells bytes of %s that end within a character',
    async (type) => {
      answer = (_request, response) => {
        response.writeHead(200, { 'content-type': type }).end(Buffer.from('"é').subarray(0, 2));
      };
      await expect((await fetchIt()).text()).rejects.toMatchObject({ kind: 'cut' });
    },
  );

  test('keeps the text of a body that was read in one piece', async () => {
    const bodies = ['{"a":1}\n', '{"a":', '{"a":}'];
    answer = (_request, response) => response.end(bodies.shift());
    const seen = [];
    for (let call = 0; call < 3; call += 1) {
      const response = await fetchIt();
      expect(bodyText(response)).toBeUndefined();
      await response.json().catch(() => {});
      seen.push(bodyText(response));
    }
    expect(seen).toEqual(['{"a":1}\n', '{"a":', '{"a":}']);
  });

  test('follows no redirect, and the error says where to look', async () => {
    let calls = 0;
    answer = (_request, response) => {
      calls += 1;
      response.writeHead(307, { location: 'http://elsewhere.example/' }).end();
    };
    const agent = openai({ model: 'm', baseURL: url, apiKey: 'k' });
    const error = await rejection(generate(agent));
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE', status: 307, retryable: false });
    expect(error.message).toContain('base URL');
    expect(calls).toBe(1);
    await providerOf(agent).close?.();
  });

  test('keeps the cause of a connection that failed', async () => {
    const failed = await rejection(pooledFetch(lease, 10)('http://127.0.0.1:1/'));
    expect(failed).toMatchObject({ message: 'fetch failed', cause: { code: 'ECONNREFUSED' } });
  });
});
