// Covers: src/input/equivalent.ts, src/providers/check-options.ts, src/providers/transport/client-errors.ts
// Covers: src/providers/transport/http-status.ts, src/orchestrator/options.ts, src/agents/define-agent.ts
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { anthropic, httpAgent, openai } from '../../src/providers/index.js';

const orchestrators: AsyncOrchestrator[] = [];
const servers: Server[] = [];
const environment = { ...process.env };

afterEach(async () => {
  for (const one of orchestrators.splice(0)) await one.close({ drainMs: 0 });
  for (const one of servers.splice(0)) one.close();
  process.env = { ...environment };
});

function messageOf(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect(error).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT' });
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

async function failureOf(agent: AgentDefinition): Promise<Error & { code: string }> {
  const orchestrator = new AsyncOrchestrator({ agents: { agent }, maxRetries: 0 });
  orchestrators.push(orchestrator as never);
  return await orchestrator.execute('agent', 'hello').then(
    () => {
      throw new Error('it was answered');
    },
    (error: Error & { code: string }) => error,
  );
}

async function serve(status: number): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end('{}'));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('what a newcomer does wrong is answered with what to write', () => {
  const construct = (options: object) => () => new AsyncOrchestrator(options as AsyncOrchestratorOptions);

  test.each([
    [{ concurrency: 5 }, 'Did you mean "maxConcurrent"?'],
    [{ retries: 5 }, 'Did you mean "maxRetries"?'],
    [{ system: 'Be kind.' }, 'It is called instructions and belongs to an agent'],
    [{ temperature: 0 }, 'params'],
    [{ model: 'm' }, 'It belongs to an agent or a call'],
    [{ budget: 5 }, 'expected an object with the unit, for instance { usd: 5 }'],
    [{ tenantBudget: 5 }, 'expected an object with the unit'],
    [{ retry: false }, 'maxRetries: 0 switches them off'],
    [{ retry: 3 }, 'the number of retries is maxRetries'],
    [{ signal: new AbortController() }, 'an AbortSignal (of an AbortController: its signal)'],
    [{ agents: [{ name: 'writer' }] }, 'agent definition "writer": run: expected either `run`'],
    [{ agents: { writer: {} } }, 'agent definition "writer": run: expected either `run`'],
  ])('in the options of an orchestrator: %j', (options, answer) => {
    const message = messageOf(construct(options));
    expect(message).toContain(answer);
    expect(message).not.toContain('Known ones');
  });

  test.each([
    [{ system: 'x' }, 'Did you mean "instructions"?'],
    [{ temperature: 0 }, 'Write params: { temperature }.'],
    [{ retries: 1 }, 'Did you mean "maxRetries"?'],
    [{ baseUrl: 'http://localhost' }, 'Did you mean "baseURL"?'],
    [{ baseURL: 'localhost:11434/v1' }, 'got "localhost:11434/v1"; write "http://localhost:11434/v1"'],
    [{ model: undefined }, "model must be the name of a model, as in openai({ model: '…' })"],
  ])('in the options of a provider: %j', (options, answer) => {
    expect(messageOf(() => openai({ model: 'm', ...options } as never))).toContain(answer);
  });

  test.each(['ftp://user:sk-secret@host/v1?key=sk-secret', 'sk-secret@host'])(
    'with the value of a bad address, but not what may be a key in %s',
    (baseURL) => {
      const message = messageOf(() => anthropic({ model: 'm', baseURL }));
      expect(message).toContain('host');
      expect(message).not.toContain('secret');
    },
  );

  test('in the options of a call: a controller in place of its signal', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo: (task: string) => task } });
    orchestrators.push(orchestrator as never);
    const signal = new AbortController() as never;
    await expect(orchestrator.execute('echo', 'x', { signal })).rejects.toThrow(
      'of an AbortController: its signal',
    );
  });
});

describe('what is wrong around a newcomer is named', () => {
  test.each([
    ['anthropic', 'ANTHROPIC_API_KEY'],
    ['openai', 'OPENAI_API_KEY'],
  ] as const)('the variable of a missing key of %s', async (name, variable) => {
    for (const key of ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'OPENAI_API_KEY'])
      delete process.env[key];
    const agent = name === 'anthropic' ? anthropic({ model: 'm' }) : openai({ model: 'm' });
    const error = await failureOf(agent);
    expect(error.code).toBe('TUTTI_PROVIDER_AUTH');
    expect(error.message).toContain(`set the environment variable ${variable}, or the option apiKey`);
  });

  test('the address of a server that is down', async () => {
    const url = await serve(200);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const agents = [
      openai({ model: 'm', apiKey: 'k', baseURL: `${url}/v1` }),
      anthropic({ model: 'm', apiKey: 'k', baseURL: url }),
      httpAgent({ url: `${url}/ask` }),
    ];
    for (const agent of agents) {
      const { message } = await failureOf(agent);
      expect(message).toContain(`at ${url} failed (ECONNREFUSED). Nothing listens there`);
    }
  });

  test('the address of a service that does not exist there, without its query', async () => {
    const url = await serve(404);
    const { message } = await failureOf(httpAgent({ url: `${url}/ask?key=secret` }));
    expect(message).toContain(`There is nothing at ${url}/ask: check the url.`);
    expect(message).not.toContain('secret');
  });
});
