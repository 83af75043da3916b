// Run in a folder where the packed package, the client of OpenAI, next, react and react-dom are installed, and
// @anthropic-ai/sdk and SQLite are not: builds a route handler with both bundlers of Next.js and calls it.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { startModelServer } from 'tutti/testing';

const NEXT = 'node_modules/next/dist/bin/next';

const FILES = {
  'app/layout.js': 'export default ({ children }) => <html><body>{children}</body></html>;',
  'app/page.js': 'export default () => <p>ready</p>;',
  'app/ask/route.js': `
    import { AsyncOrchestrator } from 'tutti';
    import { anthropic, openai } from 'tutti/providers';
    const orchestrator = new AsyncOrchestrator({
      agents: {
        helper: openai({ model: 'gpt-4.1-mini', baseURL: process.env.SERVER ?? 'http://127.0.0.1:9/v1' }),
        absent: anthropic({ model: 'claude-haiku-4-5', apiKey: 'k' }),
      },
      cache: { directory: 'answers' },
      maxRetries: 0,
    });
    export async function POST(request) {
      const { agent, text } = await request.json();
      try {
        const { output, cached } = await orchestrator.execute(agent, text);
        return Response.json({ output, cached });
      } catch ({ code }) {
        return Response.json({ code }, { status: 500 });
      }
    }`,
};

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

async function answersOf(url) {
  const answers = [];
  for (const agent of ['helper', 'helper', 'absent']) {
    const body = JSON.stringify({ agent, text: 'hello' });
    answers.push(await (await fetch(`${url}/ask`, { method: 'POST', body })).json());
  }
  return answers;
}

async function untilReady(url) {
  for (let attempt = 0; attempt < 150; attempt += 1) {
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('next start did not answer within 30 seconds');
}

mkdirSync('app/ask', { recursive: true });
for (const [path, text] of Object.entries(FILES)) writeFileSync(path, text);
const server = await startModelServer({ text: 'hi' });
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', SERVER: server.openaiURL };
try {
  for (const bundler of ['--turbopack', '--webpack']) {
    rmSync('.next', { recursive: true, force: true });
    execFileSync(process.execPath, [NEXT, 'build', bundler], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const port = await freePort();
    const running = spawn(process.execPath, [NEXT, 'start', '-H', '127.0.0.1', '-p', port], {
      env,
      stdio: 'ignore',
    });
    try {
      const url = `http://127.0.0.1:${port}`;
      await untilReady(url);
      assert.deepEqual(await answersOf(url), [
        { output: 'hi', cached: false },
        { output: 'hi', cached: 'memory' },
        { code: 'TUTTI_MISSING_PACKAGE' },
      ]);
      console.log(`next build ${bundler}: hi`);
    } finally {
      running.kill();
    }
  }
} finally {
  await server.close();
}
