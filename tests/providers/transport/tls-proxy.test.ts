// Covers: src/providers/transport/dispatcher.ts
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ProxyAgent } from 'undici';
import { anthropic } from '../../../src/providers/anthropic/anthropic.js';
import { type ModelServer, startModelServer } from '../../../src/testing/model-server/model-server.js';
import { inBuild } from '../../processes/current-build.js';
import { collect, generate, providerOf, rejection, stream, textOf } from '../provider-request.js';
import { selfSigned } from './self-signed.js';
import { TunnelProxy } from './tunnel-proxy.js';

const run = promisify(execFile);
const { cert, key } = selfSigned();

/** The model server behind TLS: what arrives is passed on to it. */
let secure: Server;
let proxy: TunnelProxy;
let models: ModelServer;
let url: string;
let host: string;
beforeAll(async () => {
  models = await startModelServer({ text: 'Hello' });
  const { port } = new URL(models.url);
  secure = createServer({ cert, key });
  secure.removeAllListeners('secureConnection');
  secure.on('secureConnection', (socket) => {
    const target = connect(Number(port), '127.0.0.1');
    for (const one of [socket, target]) one.on('error', () => one.destroy());
    socket.pipe(target).pipe(socket);
  });
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(secure.address() as AddressInfo).port}`;
  url = `https://${host}`;
  proxy = await new TunnelProxy().listen();
});
afterAll(async () => {
  await proxy.close();
  await models.close();
  await new Promise((resolve) => secure.close(resolve));
});

const PROGRAM = `
  import { AsyncOrchestrator } from 'tutti';
  import { anthropic } from 'tutti/providers';
  const agents = { a: anthropic({ model: 'claude-haiku-4-5', apiKey: 'k', baseURL: process.env.SERVER }) };
  const orchestrator = new AsyncOrchestrator({ agents, maxRetries: 0 });
  const whole = await orchestrator.execute('a', 'hi').then(({ output }) => output, ({ message }) => message);
  const streamed = await orchestrator.stream('a', 'hi').result.then(({ output }) => output, ({ code }) => code);
  console.log(JSON.stringify([whole, streamed]));
  await orchestrator.close();`;

describe('a TLS endpoint behind a proxy', () => {
  test('is reached through the tunnel of a given ProxyAgent, whole and streamed', async () => {
    const dispatcher = new ProxyAgent({ uri: proxy.url, requestTls: { ca: cert } });
    const agent = anthropic({ model: 'claude-haiku-4-5', apiKey: 'k', baseURL: url, dispatcher });
    const before = proxy.tunnels.length;
    expect(await generate(agent)).toMatchObject({ output: 'Hello' });
    expect(textOf(await collect(stream(agent)))).toBe('Hello');
    expect(proxy.tunnels.slice(before).every((tunnel) => tunnel === host)).toBe(true);
    expect(proxy.tunnels.length).toBeGreaterThan(before);
    await providerOf(agent).close?.();
    await dispatcher.close();
  });

  test('whose certificate is not trusted gets no request', async () => {
    const dispatcher = new ProxyAgent(proxy.url);
    const agent = anthropic({ model: 'claude-haiku-4-5', apiKey: 'k', baseURL: url, dispatcher });
    const before = models.requests.length;
    const error = await rejection(generate(agent));
    expect(error.message).toMatch(/SELF_SIGNED_CERT|self-signed certificate/);
    expect(models.requests).toHaveLength(before);
    await providerOf(agent).close?.();
    await dispatcher.close();
  });

  test('is reached through the proxy of the environment, with a certificate of NODE_EXTRA_CA_CERTS', async () => {
    const folder = await mkdtemp(inBuild('tls-'));
    await writeFile(join(folder, 'cert.pem'), cert);
    await writeFile(join(folder, 'main.mjs'), PROGRAM);
    const env = { PATH: process.env.PATH, HTTPS_PROXY: proxy.url, SERVER: url };
    const before = proxy.tunnels.length;
    const trusted = { ...env, NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem') };
    const { stdout } = await run(process.execPath, ['main.mjs'], { cwd: folder, env: trusted });
    expect(JSON.parse(stdout)).toEqual(['Hello', 'Hello']);
    expect(proxy.tunnels.slice(before).every((tunnel) => tunnel === host)).toBe(true);
    expect(proxy.tunnels.length).toBeGreaterThan(before);
    const distrustful = await run(process.execPath, ['main.mjs'], { cwd: folder, env });
    expect(JSON.parse(distrustful.stdout)).toEqual([
      expect.stringMatching(/self-signed certificate|SELF_SIGNED/),
      expect.any(String),
    ]);
    await rm(folder, { recursive: true, force: true });
  }, 30_000);
});
