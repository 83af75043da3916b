// Covers: src/providers/http/http-mapping.ts
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { TaskContent } from '../../../src/contracts/task-content.js';
import { AsyncOrchestrator } from '../../../src/orchestrator/async-orchestrator.js';
import { httpAgent } from '../../../src/providers/http/http-agent.js';
import type { HttpAgentOptions } from '../../../src/providers/http/http-options.js';
import { png } from '../../content/sample-files.js';
import { rejection } from '../provider-request.js';

let server: Server;
let url: string;
const received: unknown[] = [];
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    received.push(JSON.parse(Buffer.concat(chunks).toString() || 'null'));
    response.end('"ok"');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ask`;
});
afterEach(() => void received.splice(0));
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function ask(task: TaskContent, options: Partial<HttpAgentOptions> = {}): Promise<string> {
  await using orchestrator = new AsyncOrchestrator({ agents: { agent: httpAgent({ url, ...options }) } });
  return (await orchestrator.execute('agent', task)).output;
}

const picture = { data: png(), mediaType: 'image/png', name: 'a.png' };
const task: TaskContent = {
  messages: [{ role: 'assistant', content: 'hi' }],
  text: 'what?',
  files: [picture],
};
const file = { name: 'a.png', mediaType: 'image/png', data: Buffer.from(png()).toString('base64') };

describe('an HTTP agent', () => {
  test('sends turns and files in the default body', async () => {
    await ask(task);
    await ask('plain');
    expect(received).toEqual([
      {
        task: 'what?',
        messages: [
          { role: 'assistant', content: 'hi' },
          {
            role: 'user',
            content: [
              { type: 'file', file },
              { type: 'text', text: 'what?' },
            ],
          },
        ],
      },
      { task: 'plain' },
    ]);
  });

  test('gives its mapping the turns with the bytes of their files, where it says that it uses them', async () => {
    const request: HttpAgentOptions['request'] = (text, { messages = [] }) => ({
      text,
      turns: messages.length,
    });
    await ask(task, { request, accepts: { conversations: true, files: ['image/png'] } });
    expect(received).toEqual([{ text: 'what?', turns: 2 }]);
  });

  test.each([
    ['request', { request: (text: string) => ({ text }) }],
    ['GET', { method: 'GET' as const }],
  ])('takes text alone with %s, whose mapping might ignore the rest', async (_what, options) => {
    expect(await rejection(ask(task, options))).toMatchObject({ field: 'task.messages' });
    expect(await rejection(ask({ files: [picture] }, options))).toMatchObject({ field: 'task.files[0]' });
    expect(received).toEqual([]);
    expect(await ask({ text: 'what?' }, options)).toBe('ok');
  });

  test.each([{ conversations: 1 }, { files: 'image/png' }, { files: [1] }, { file: [] }, 'all'])(
    'refuses what it cannot accept: %j',
    (accepts) => {
      expect(() => httpAgent({ url, accepts: accepts as never })).toThrow('accepts must be an object');
    },
  );
});
