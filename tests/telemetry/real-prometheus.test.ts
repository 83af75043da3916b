// Covers: src/telemetry/prometheus-text.ts
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect } from '@jest/globals';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { PROMETHEUS_CONTENT_TYPE } from '../../src/telemetry/prometheus-text.js';
import { Telemetry } from '../../src/telemetry/telemetry.js';
import { testWith } from './found-program.js';

const cleanUps: Array<() => unknown> = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts Prometheus, which asks this port for metrics ten times a second; gives the address of its queries. */
async function startPrometheus(port: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tutti-prometheus-'));
  const config = `scrape_configs:
  - job_name: tutti
    scrape_interval: 100ms
    scrape_timeout: 100ms
    static_configs: [{ targets: ['127.0.0.1:${port}'] }]
`;
  await writeFile(join(folder, 'prometheus.yml'), config);
  const own = await freePort();
  const child: ChildProcess = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${own}`,
    ],
    { stdio: 'ignore' },
  );
  cleanUps.push(async () => {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    await rm(folder, { recursive: true, force: true });
  });
  return `http://127.0.0.1:${own}/api/v1/query`;
}

interface QueryResult {
  data: { result: Array<{ metric: Record<string, string>; value: [at: number, value: string] }> };
}

/** Asks until there is an answer. */
async function query(address: string, text: string): Promise<QueryResult['data']['result']> {
  for (;;) {
    const response = await fetch(`${address}?query=${encodeURIComponent(text)}`).catch(() => undefined);
    if (response?.ok === true) {
      const { data } = (await response.json()) as QueryResult;
      if (data.result.length > 0) return data.result;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
}

describe('a real Prometheus', () => {
  testWith('prometheus')(
    'scrapes the metrics and answers queries about them',
    async () => {
      const orchestrator = new AsyncOrchestrator({
        agents: {
          echo: (task: string) => ({
            output: task,
            costUsd: 0.25,
            usage: { inputTokens: 3, outputTokens: 4 },
          }),
        },
      });
      const telemetry = new Telemetry({ orchestrator });
      const server = createServer((_request, response) => {
        void telemetry.prometheus().then((text) => {
          response.setHeader('content-type', PROMETHEUS_CONTENT_TYPE).end(text);
        });
      });
      cleanUps.push(
        () => orchestrator.close(),
        () => telemetry.close(),
      );
      const port = await listen(server);
      cleanUps.push(() => {
        server.closeAllConnections();
        server.close();
      });
      await orchestrator.executeMultiple(
        Array.from({ length: 40 }, (_, index) => ['echo', `task ${index}`] as const),
      );
      const address = await startPrometheus(port);
      const succeeded = await query(address, 'tutti_agent_calls_total{outcome="succeeded"}');
      expect(succeeded).toMatchObject([
        { metric: { agent: 'echo', job: 'tutti' }, value: [expect.any(Number), '40'] },
      ]);
      const [cost] = await query(address, 'sum(tutti_cost_usd_total)');
      expect(cost?.value[1]).toBe('10');
      const [p99] = await query(address, 'histogram_quantile(0.99, tutti_call_duration_seconds_bucket)');
      expect(Number(p99?.value[1])).toBeGreaterThanOrEqual(0);
      expect(await query(address, 'up')).toMatchObject([{ value: [expect.any(Number), '1'] }]);
    },
    60_000,
  );
});
