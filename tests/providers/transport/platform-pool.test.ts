import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { PlatformPool } from '../../../src/providers/transport/platform-pool.js';
import { pooledFetch } from '../../../src/providers/transport/pooled-fetch.js';
import { rejection } from '../provider-request.js';

let server: Server;
let url: string;
let answer: RequestListener = (_request, response) => response.end();
const ended: string[] = [];
const pool = new PlatformPool();
const lease = {
  ready: Promise.resolve(),
  request: (options: object) => pool.request({ ...options, onEnd: () => ended.push('end') } as never),
  release: () => pool.close(),
};
const fetchIt = (init?: object) => pooledFetch(lease, 1_000)(`${url}/path?x=1`, init);

beforeEach(async () => {
  ended.length = 0;
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test('sends with the fetch of the platform what a pool would, and says when the connection is free', async () => {
  answer = (request, response) => {
    response.writeHead(201, { 'x-method': request.method ?? '' });
    request.pipe(response);
  };
  const sent: string[] = [];
  const headers = { 'content-type': 'text/plain' };
  const response = await fetchIt({ method: 'POST', headers, body: 'hello', onSent: () => sent.push('sent') });
  expect(sent).toEqual(['sent']);
  expect(ended).toEqual([]);
  expect(response.status).toBe(201);
  expect(response.headers.get('x-method')).toBe('POST');
  expect(await response.text()).toBe('hello');
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toEqual(['end']);
});

test('takes a compressed answer, an empty one and a redirect as they are', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"a":"é"}'));
  };
  expect(await (await fetchIt()).json()).toEqual({ a: 'é' });
  answer = (_request, response) => response.writeHead(204).end();
  expect(await (await fetchIt()).text()).toBe('');
  answer = (_request, response) => response.writeHead(307, { location: 'http://elsewhere.example/' }).end();
  expect((await fetchIt()).status).toBe(307);
});

test('gives the reason of an abort, and the address of a connection that failed', async () => {
  const controller = new AbortController();
  answer = () => controller.abort(new Error('enough'));
  expect(await rejection(fetchIt({ signal: controller.signal }))).toMatchObject({ message: 'enough' });
  const closed = url;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  expect(await rejection(fetchIt())).toMatchObject({ message: 'fetch failed', origin: closed });
});
