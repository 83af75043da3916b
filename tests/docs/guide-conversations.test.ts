import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import ts from 'typescript';
import * as zod from 'zod';
import * as tutti from '../../src/index.js';
import * as providers from '../../src/providers/index.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { pdf, png } from '../content/sample-files.js';
import { codeBlocks, readDocument } from './markdown.js';

const PACKAGES: Readonly<Record<string, unknown>> = { tutti, 'tutti/providers': providers, zod };

/** The first program of a guide, as it stands there. */
function runGuide<Guide>(path: string): Guide {
  const [block] = codeBlocks(readDocument(path), ['ts']);
  const { outputText } = ts.transpileModule(block?.code ?? '', {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const exports = {};
  new Function('exports', 'require', outputText)(exports, (name: string) => PACKAGES[name]);
  return exports as Guide;
}

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer();
  jest.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(async () => {
  jest.restoreAllMocks();
  await server.close();
});

interface Opened {
  close(): Promise<void>;
}

test('the chat of the guide keeps its history', async () => {
  const { openOrchestrator, chat } = runGuide<{
    openOrchestrator(options: object): Opened;
    chat(orchestrator: Opened, questions: string[]): Promise<tutti.Message[]>;
  }>('docs/guides/chat-with-history.md');
  const orchestrator = openOrchestrator({ baseURL: server.url, apiKey: 'k' });
  server.script([{ text: 'At nine.' }, { text: 'By tram.' }, { text: 'Yes.' }]);
  const messages = await chat(orchestrator, ['When does it open?', 'How do I get there?', 'Every day?']);
  await orchestrator.close();
  expect(messages.map(({ content }) => content)).toEqual([
    ...['When does it open?', 'At nine.', 'How do I get there?', 'By tram.', 'Every day?', 'Yes.'],
  ]);
  expect(server.requests[2]?.body.messages).toEqual(messages.slice(0, 5));
});

test('the guide asks about an image and reads an invoice', async () => {
  const { openOrchestrator, describe, readInvoice } = runGuide<{
    openOrchestrator(servers: object): Opened;
    describe(orchestrator: Opened, path: string): Promise<string>;
    readInvoice(orchestrator: Opened, data: Uint8Array): Promise<unknown>;
  }>('docs/guides/images-and-files.md');
  const folder = await mkdtemp(join(tmpdir(), 'tutti-guide-'));
  const path = join(folder, 'lighthouse.png');
  await writeFile(path, png());
  const orchestrator = openOrchestrator({
    anthropic: { baseURL: server.url, apiKey: 'k' },
    openai: { baseURL: server.openaiURL, apiKey: 'k' },
  });
  server.script([{ text: 'A lighthouse.' }, { text: '{"number":"A-7","totalUsd":12.5}' }]);
  expect(await describe(orchestrator, path)).toBe('A lighthouse.');
  expect(await readInvoice(orchestrator, pdf(1))).toEqual({ number: 'A-7', totalUsd: 12.5 });
  expect(server.requests.map(({ api }) => api)).toEqual(['messages', 'chat']);
  await orchestrator.close();
  await rm(folder, { recursive: true, force: true });
});

test('the hooks of the guide keep addresses from the model and put them back', async () => {
  const { openOrchestrator, redactAddresses } = runGuide<{
    openOrchestrator(options: object): tutti.AsyncOrchestrator;
    redactAddresses: tutti.Hooks;
  }>('docs/guides/hooks.md');
  const orchestrator = openOrchestrator({ baseURL: server.url, apiKey: 'k' });
  server.script({ text: 'Dear <email-2>, copy to <email-1>, not <email-9>.' });
  const text = 'From ann@example.com to bob+x@mail.example.org, cc ann@example.com.';
  const result = await orchestrator.execute('helper', text);
  expect(server.requests[0]?.body.messages).toEqual([
    { role: 'user', content: 'From <email-1> to <email-2>, cc <email-1>.' },
  ]);
  expect(result.output).toBe('Dear bob+x@mail.example.org, copy to ann@example.com, not <email-9>.');
  const messages = result.messages ?? [];
  expect(messages[0]?.content).toBe(text);
  server.script({ text: 'Again: <email-2>.' });
  const again = await orchestrator.execute('helper', { messages, text: 'And carl@example.net?' });
  expect(again.output).toBe('Again: bob+x@mail.example.org.');
  expect(JSON.stringify(server.requests[1]?.body)).not.toContain('example');
  const parts = [{ type: 'text', text: 'dora@example.net' }] as const;
  await orchestrator.execute('helper', {
    messages: [
      { role: 'user', content: parts },
      { role: 'assistant', content: 'a' },
    ],
    text: 'b',
  });
  expect(JSON.stringify(server.requests[2]?.body)).not.toContain('example');
  expect(Object.keys(redactAddresses)).toEqual(['before', 'after']);
  await orchestrator.close();
});

test('the clerk of the guide pays back what a person has approved', async () => {
  const { openOrchestrator, handle, refunds } = runGuide<{
    openOrchestrator(onApproval: tutti.OnApproval | undefined, options: object): tutti.AsyncOrchestrator;
    handle(orchestrator: Opened, text: string, decide: (tool: string) => boolean): Promise<tutti.AgentResult>;
    refunds: Map<string, number>;
  }>('docs/guides/tools-with-approval.md');
  const connection = { baseURL: server.url, apiKey: 'k' };
  const call = (usd: number) => [{ id: 'call_1', name: 'refund', input: { order: 'A-7', usd } }];
  const resultOf = (index: number) => JSON.stringify(server.requests[index]?.body.messages);

  const asking = openOrchestrator(({ input }) => {
    return { approved: (input as { usd: number }).usd < 100, reason: 'at most 100 dollars' };
  }, connection);
  server.script([{ toolCalls: call(500) }, { toolCalls: call(40) }, { text: 'Paid.' }]);
  expect(await asking.execute('clerk', 'Pay A-7 back.')).toMatchObject({ output: 'Paid.' });
  expect(resultOf(1)).toContain('not approved (at most 100 dollars)');
  expect([...refunds.values()]).toEqual([40]);
  await asking.close();

  const byHand = openOrchestrator(undefined, connection);
  server.script([{ toolCalls: call(60) }, { toolCalls: call(60) }, { text: 'Done.' }]);
  const decided: string[] = [];
  const result = await handle(byHand, 'Pay A-7 back.', (tool) => decided.push(tool) === 1);
  expect(result).toMatchObject({ output: 'Done.' });
  expect(decided).toEqual(['refund']);
  expect([...refunds.values()]).toEqual([40, 60]);
  await byHand.close();
});
