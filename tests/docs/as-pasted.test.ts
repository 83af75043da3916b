import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SourceTextModule } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PRICE_TABLE } from '../../src/providers/pricing/price-table.js';
import { costOf } from '../../src/providers/pricing/pricing.js';
import { inBuild } from '../processes/current-build.js';
import { codeBlocks, codeIn, documents, readDocument, tableRows } from './markdown.js';

const run = promisify(execFile);

/** The pages that a newcomer pastes from: their blocks are plain JavaScript, whatever they are marked with. */
const FIRST_PAGES = ['README.md', 'docs/getting-started.md'];
const SERVER = 'docs/guides/http-server.md';

interface Pasted {
  readonly place: string;
  readonly code: string;
}

function blocksOf(path: string, languages: readonly string[]): Pasted[] {
  return codeBlocks(readDocument(path), languages).map(({ code, line }) => ({
    place: `${path}:${line}`,
    code,
  }));
}

const pasted = [
  ...FIRST_PAGES.flatMap((path) => blocksOf(path, ['ts', 'js'])),
  ...documents()
    .filter((path) => !FIRST_PAGES.includes(path))
    .flatMap((path) => blocksOf(path, ['js'])),
];

/** Those that neither need a model's key nor another program around them. */
const runnable = pasted.filter(
  ({ place, code }) =>
    !place.startsWith(SERVER) &&
    !/@jest\/globals|@ai-sdk\/|anthropic\(|openai\(\{ model|tickets\.jsonl/.test(code),
);

/** The syntax errors of plain JavaScript in this Node; `await using` is one before Node 24. */
function syntaxError(code: string): string | undefined {
  try {
    new SourceTextModule(code);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

let folder: string;
beforeAll(async () => {
  // Inside the package, so that it is found by its own name.
  folder = await mkdtemp(inBuild('pasted-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function save(code: string): Promise<string> {
  const own = await mkdtemp(join(folder, 'block-'));
  await writeFile(join(own, 'pasted.mjs'), code);
  return own;
}

describe('code in the documents', () => {
  test('is plain JavaScript for Node 20 on the first pages, and wherever it is marked as JavaScript', () => {
    expect(pasted.length).toBeGreaterThan(20);
    const wrong = pasted.flatMap(({ place, code }) => {
      const error = syntaxError(code) ?? (/\busing \w+ =/.test(code) ? 'using' : undefined);
      return error === undefined ? [] : [`${place}: ${error}`];
    });
    expect(wrong).toEqual([]);
    expect(syntaxError('const x: string = 1;')).toContain('SyntaxError');
  });

  test.each(runnable.map(({ place, code }) => [place, code]))(
    'at %s runs as it is pasted',
    async (_place, code) => {
      const cwd = await save(code);
      const { stderr } = await run(process.execPath, ['pasted.mjs'], {
        cwd,
        env: { PATH: process.env.PATH, HOME: cwd },
      });
      expect(stderr).toBe('');
    },
  );
});

describe(SERVER, () => {
  let server: ChildProcess;
  let url: string;
  beforeAll(async () => {
    const [{ code }] = blocksOf(SERVER, ['js']) as [Pasted];
    const cwd = await save(code);
    const env = { PATH: process.env.PATH, PORT: '0' };
    server = spawn(process.execPath, ['pasted.mjs'], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(server.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    url = `http://127.0.0.1:${/listening (\d+)/.exec(line.toString())?.[1]}`;
  });

  const post = (path: string, body: string): Promise<Response> => fetch(url + path, { method: 'POST', body });

  test('answers, streams, and refuses with the status of the error', async () => {
    expect(await (await post('/shout', 'hello')).json()).toEqual({ output: 'HELLO' });
    expect(await (await post('/spell', 'ab')).text()).toBe('data: "a"\n\ndata: "b"\n\ndata: [DONE]\n\n');
    const refused = await post('/shout', '');
    expect([refused.status, await refused.json()]).toEqual([
      400,
      { error: { code: 'TUTTI_INVALID_ARGUMENT', message: expect.stringContaining('task') } },
    ]);
    expect((await post('/shout', 'x'.repeat(30_000))).status).toBe(413);
    expect((await post('/nothing', 'x')).status).toBe(404);
  });

  test('ends on SIGTERM', async () => {
    server.kill('SIGTERM');
    const [code] = (await once(server, 'close')) as [number];
    expect(code).toBe(143);
  });
});

describe('docs/guides/choosing-agents.md', () => {
  test('has the prices of the built-in table, cheapest first, and what a thousand calls cost', () => {
    const rows = tableRows(readDocument('docs/guides/choosing-agents.md'), 'Prices');
    expect(rows.length).toBeGreaterThan(10);
    const usage = { inputTokens: 1_000_000, outputTokens: 200_000 };
    for (const [model, input, output, calls] of rows) {
      const name = codeIn(model);
      const price = PRICE_TABLE[name];
      if (price === undefined) throw new Error(`${name} is not in the table`);
      const { upToInputTokens: _limit, ...usual } = price;
      expect([name, input, output]).toEqual([name, String(price.inputUsd), String(price.outputUsd)]);
      expect([name, calls]).toEqual([name, costOf(usual, usage)?.toFixed(2)]);
    }
    const costs = rows.map(([, , , calls]) => Number(calls));
    expect(costs).toEqual([...costs].sort((a, b) => a - b));
  });
});
