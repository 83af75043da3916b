// Covers: src/telemetry/alerts/webhook.ts
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Logger } from '../../../src/logging/logger.js';
import type { Alert } from '../../../src/telemetry/alerts/alert.js';
import { Webhook } from '../../../src/telemetry/alerts/webhook.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const SECRET = 'a secret of sixteen or more';

interface Received {
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** A service on a port of its own that can be away, refuse, or be slow. */
class Service {
  readonly received: Received[] = [];
  readonly requests: string[] = [];
  status = 204;
  inFlight = 0;
  most = new Map<string, number>();
  hold: Promise<void> | undefined;
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/alerts`;
  }

  async start(): Promise<void> {
    const running = new Map<string, number>();
    this.#server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { id } = JSON.parse(body);
      running.set(id, (running.get(id) ?? 0) + 1);
      this.most.set(id, Math.max(this.most.get(id) ?? 0, running.get(id) ?? 0));
      this.requests.push(id);
      await this.hold;
      running.set(id, (running.get(id) ?? 0) - 1);
      if (this.status < 300) this.received.push({ body, headers: request.headers });
      response.writeHead(this.status, { connection: 'close' });
      response.end();
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (this.#server?.listening !== true) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

const services: Service[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
});

async function started(): Promise<{
  service: Service;
  webhook: Webhook;
  clock: FakeClock;
  lines: unknown[];
}> {
  const service = new Service();
  services.push(service);
  await service.start();
  const clock = new FakeClock();
  const lines: unknown[] = [];
  const note = (fields: unknown, message?: string): void => void lines.push([message, fields]);
  const logger = { debug: note, info: note, warn: note, error: note } as Logger;
  const webhook = new Webhook({
    options: { url: service.url, secret: SECRET, timeoutMs: 5_000 },
    clock,
    logger,
  });
  return { service, webhook, clock, lines };
}

function alert(id: string, n: number): Alert {
  return {
    id,
    level: 'warning',
    title: 't',
    cause: 'c',
    evidence: { n },
    advice: 'a',
    docs: 'd',
    state: 'firing',
    at: n,
  };
}

/** Real requests take real time, which the clock does not know of. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const numbers = ({ received }: Service, id: string): unknown[] =>
  received
    .map(({ body }) => JSON.parse(body))
    .filter((one) => one.id === id)
    .map(({ evidence }) => evidence.n);

describe('the webhook', () => {
  test('sends alerts signed, with the time of signing', async () => {
    const { service, webhook, clock } = await started();
    webhook.send(alert('cpu', 1));
    await until(() => service.received.length === 1);
    const [{ body, headers }] = service.received as [Received];
    expect(JSON.parse(body)).toEqual(alert('cpu', 1));
    const timestamp = String(headers['x-tutti-timestamp']);
    expect(timestamp).toBe(String(clock.epochMs() / 1_000));
    const signature = createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex');
    expect(headers['x-tutti-signature']).toBe(`sha256=${signature}`);
    expect(headers['x-tutti-delivery']).toMatch(/^[0-9a-f-]{36}$/);
    await webhook.close(100);
    expect(clock.pendingTimers).toBe(0);
  });

  test('loses nothing while the service is away for a minute, and keeps the order of each rule', async () => {
    const { service, webhook, clock, lines } = await started();
    await service.stop();
    for (let n = 0; n < 20; n += 1) webhook.send(alert(n % 2 === 0 ? 'cpu' : 'memory', n));
    for (let ms = 0; ms < 60_000; ms += 1_000) {
      await until(() => clock.pendingTimers === 2);
      await clock.advance(1_000);
    }
    expect(service.received).toEqual([]);
    await service.start();
    while (service.received.length < 20) {
      await clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(numbers(service, 'cpu')).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    expect(numbers(service, 'memory')).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    expect(JSON.stringify(lines)).not.toContain(SECRET);
    await webhook.close(100);
    expect(clock.pendingTimers).toBe(0);
  });

  test('waits longer after each refusal, and sends the same delivery again', async () => {
    const { service, webhook, clock, lines } = await started();
    service.status = 500;
    webhook.send(alert('cpu', 1));
    for (const [tries, delayMs] of [
      [1, 1_000],
      [2, 2_000],
      [3, 4_000],
    ] as const) {
      await until(() => lines.length === tries && clock.pendingTimers === 1);
      await clock.advance(delayMs - 1);
      expect(service.requests).toHaveLength(tries);
      await clock.advance(1);
    }
    await until(() => lines.length === 4);
    service.status = 204;
    await clock.advance(8_000);
    await until(() => service.received.length === 1);
    await webhook.close(100);
  });

  test('has at most one request of a rule in flight, and does not let rules wait for each other', async () => {
    const { service, webhook } = await started();
    let release = (): void => {};
    service.hold = new Promise((resolve) => {
      release = resolve;
    });
    for (let n = 0; n < 6; n += 1) webhook.send(alert(n < 3 ? 'cpu' : 'memory', n));
    await until(() => service.requests.length === 2);
    expect([...service.requests].sort()).toEqual(['cpu', 'memory']);
    release();
    await until(() => service.received.length === 6);
    expect([...service.most.values()]).toEqual([1, 1]);
    await webhook.close(100);
  });

  test('tries once more when it closes, and says how many alerts are lost', async () => {
    const { service, webhook, clock, lines } = await started();
    service.status = 503;
    webhook.send(alert('cpu', 1));
    webhook.send(alert('cpu', 2));
    await until(() => lines.length === 1);
    service.status = 204;
    await webhook.close(5_000);
    expect(numbers(service, 'cpu')).toEqual([1, 2]);
    const lost = await started();
    await lost.service.stop();
    lost.webhook.send(alert('cpu', 1));
    await until(() => lost.lines.length === 1);
    const closing = lost.webhook.close(5_000);
    await lost.clock.advance(5_000);
    await closing;
    expect(lost.lines).toContainEqual(['alerts were not delivered before the end', { alerts: 1 }]);
    expect(lost.clock.pendingTimers + clock.pendingTimers).toBe(0);
    expect(lines).toHaveLength(1);
  });

  test('drops the oldest of the longest queue when more than a thousand wait, and says so', async () => {
    const { service, webhook, clock, lines } = await started();
    await service.stop();
    for (let n = 0; n < 1_005; n += 1) webhook.send(alert('cpu', n));
    await until(() => clock.pendingTimers === 1);
    expect(lines.filter((line) => JSON.stringify(line).includes('the oldest was dropped'))).toHaveLength(5);
    const closing = webhook.close(0);
    await clock.advance(1);
    await closing;
  });
});
