// Run in a folder where the packed package and the official clients are installed, by every runtime and from every
// bundle: agents of both providers, an agent of an HTTP service, retries, a stream, a cache on disk, and an end by itself.
import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AsyncOrchestrator } from 'tutti';
import { anthropic, httpAgent, openai } from 'tutti/providers';
import { startModelServer } from 'tutti/testing';

const warnings = [];
const logger = { debug() {}, info() {}, warn: (_details, message) => warnings.push(message), error() {} };

async function main() {
  const server = await startModelServer();
  const service = createServer((_request, response) => response.end('{"output":"served"}'));
  await new Promise((resolve) => service.listen(0, '127.0.0.1', resolve));
  const closed = createServer();
  await new Promise((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address();
  await new Promise((resolve) => closed.close(resolve));
  const directory = await mkdtemp(join(tmpdir(), 'tutti-smoke-'));
  const orchestrator = new AsyncOrchestrator({
    agents: {
      claude: anthropic({ model: 'claude-sonnet-4-5', apiKey: 'none', baseURL: server.url }),
      gpt: openai({ model: 'gpt-4.1-mini', apiKey: 'none', baseURL: server.openaiURL }),
      service: httpAgent({ url: `http://127.0.0.1:${service.address().port}/ask` }),
      nowhere: openai({ model: 'm', apiKey: 'none', baseURL: `http://127.0.0.1:${port}/v1` }),
      shout: (task) => task.toUpperCase(),
    },
    retry: { minDelayMs: 1, maxDelayMs: 1 },
    cache: { directory, secret: 'a secret of a smoke test' },
    logger,
  });

  server.script([{ status: 503 }, { text: 'from claude' }]);
  const claude = await orchestrator.execute('claude', 'hello');
  assert.deepEqual([claude.output, claude.attempts, claude.usage.inputTokens], ['from claude', 2, 10]);
  server.script({ text: ['from ', 'gpt'] });
  let streamed = '';
  for await (const text of orchestrator.stream('gpt', 'hello').text) streamed += text;
  assert.equal(streamed, 'from gpt');
  assert.equal((await orchestrator.execute('service', 'hello')).output, 'served');
  assert.equal((await orchestrator.execute('shout', 'hello')).output, 'HELLO');
  assert.notEqual((await orchestrator.execute('shout', 'hello')).cached, false);
  const [failure] = await orchestrator.executeMultiple([{ agent: 'nowhere', task: 'hello', maxRetries: 1 }]);
  assert.deepEqual([failure.error.code, failure.attempts], ['TUTTI_RETRIES_EXHAUSTED', 2]);
  assert.equal(failure.error.cause.code, 'TUTTI_PROVIDER_NETWORK');
  assert.match(failure.error.cause.message, new RegExp(`127.0.0.1:${port}`));

  await orchestrator.close();
  await server.close();
  await new Promise((resolve) => service.close(resolve));
  await rm(directory, { recursive: true, force: true });
  // Where no driver of SQLite is there, the cache says so once and works in memory.
  assert.ok(warnings.filter((message) => message.includes('SQLite')).length <= 1, warnings.join('\n'));
  const { bun, deno, node } = process.versions;
  console.log(`works with ${bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node.js ${node}`}`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
