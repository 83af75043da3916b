import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import ts from 'typescript';
import * as tutti from '../../src/index.js';

interface Guide {
  openOrchestrator(url: string): tutti.AsyncOrchestrator;
}

/** The guide's code as it stands there, with the package in place of its name. */
function runGuide(): Guide {
  const page = readFileSync('docs/guides/bring-your-own-provider.md', 'utf8');
  const code = /^```ts\n([\s\S]*?)^```/m.exec(page)?.[1] ?? '';
  expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(50);
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const exports = {};
  new Function('exports', 'require', outputText)(exports, () => tutti);
  return exports as Guide;
}

test('the provider of the guide answers, streams, and has its failures tried again', async () => {
  let calls = 0;
  const server = createServer((request, response) => {
    calls += 1;
    if (calls === 1) return response.writeHead(503, { 'retry-after': '0' }).end();
    const isStream = request.headers['content-length'] !== undefined && calls === 3;
    if (!isStream) return response.end('{"text":"whole","tokens":4}');
    response.write('{"text":"pie');
    return response.end('ces ","tokens":1}\n{"text":"of text","tokens":1}\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const orchestrator = runGuide().openOrchestrator(`http://127.0.0.1:${port}`);
  try {
    const result = await orchestrator.execute('liner', 'go');
    expect(result).toMatchObject({ output: 'whole', attempts: 2, usage: { outputTokens: 4 } });
    expect((await orchestrator.stream('liner', 'go').result).output).toBe('pieces of text');
  } finally {
    await orchestrator.close();
    server.closeAllConnections();
    server.close();
  }
}, 15_000);
