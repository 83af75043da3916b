import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readJsonl, writeJsonl } from '../../src/batch/index.js';
import { type ModelServer, startModelServer } from '../../src/testing/index.js';
import { inBuild } from '../processes/current-build.js';

const TICKETS = 5_000;
const AT_ONCE = 32;

let folder: string;
let server: ModelServer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-tickets-'));
  const tickets = writeJsonl(join(folder, 'tickets.jsonl'));
  for (let id = 1; id <= TICKETS; id += 1) await tickets.write({ id, text: textOf(id) });
  await tickets.close();
  // Every hundredth ticket is answered with a team that does not exist, so that it fails.
  server = await startModelServer(({ body }) => {
    const text = JSON.stringify(body.messages);
    const id = Number(/ticket (\d+)/.exec(text)?.[1]);
    return { text: JSON.stringify({ team: id % 100 === 0 ? 'nobody' : 'login', urgency: 1 + (id % 5) }) };
  });
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Nine tickets are word for word the same as the one before. */
function textOf(id: number): string {
  return `I cannot sign in, ticket ${id % 500 === 2 && id > 2 ? id - 1 : id}`;
}

interface Job {
  readonly child: ChildProcess;
  readonly written: { stdout: string; stderr: string };
}

function start(): Job {
  const env = {
    PATH: process.env.PATH,
    OPENAI_BASE_URL: server.openaiURL,
    OPENAI_API_KEY: 'none',
    XDG_CONFIG_HOME: folder,
  };
  const child = spawn(process.execPath, [inBuild('examples', 'tickets', 'main.mjs'), folder], { env });
  const written = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    written.stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    written.stderr += chunk.toString();
  });
  return { child, written };
}

async function killAfter({ child }: Job, requests: number, signal: NodeJS.Signals): Promise<number | null> {
  const closed = once(child, 'close');
  await server.waitForRequest(requests);
  child.kill(signal);
  const [code] = (await closed) as [number | null];
  return code;
}

async function read(name: string): Promise<Array<Record<string, unknown>>> {
  const values: Array<Record<string, unknown>> = [];
  for await (const value of readJsonl<Record<string, unknown>>(join(folder, name))) values.push(value);
  return values;
}

describe('the ticket job', () => {
  test('sorts 5,000 tickets into two files in their order, though it is killed and interrupted on the way', async () => {
    await killAfter(start(), 1_500, 'SIGKILL');
    expect(await readdir(folder)).not.toContain('sorted.jsonl');
    const interrupted = start();
    await killAfter(interrupted, 3_000, 'SIGINT');
    expect(interrupted.written.stderr).toContain('make the same call again with runId "tickets"');
    expect(await readdir(folder)).not.toContain('sorted.jsonl');

    const last = start();
    const [code] = (await once(last.child, 'close')) as [number];
    const failures = TICKETS / 100;
    expect({ code, stdout: last.written.stdout }).toEqual({
      code: 0,
      stdout: `${TICKETS - failures} sorted, ${failures} failed\n`,
    });
    expect(last.written.stderr).toContain('done');
    expect(last.written.stderr.trim().split('\n').at(-1)).toContain('5,000 done · 50 failed');

    const ids = Array.from({ length: TICKETS }, (_none, index) => index + 1);
    const sorted = await read('sorted.jsonl');
    expect(sorted.map(({ id }) => id)).toEqual(ids.filter((id) => id % 100 !== 0));
    expect(sorted[4]).toEqual({ id: 5, team: 'login', urgency: 1 });
    const failed = await read('failed.jsonl');
    expect(failed.map(({ id }) => id)).toEqual(ids.filter((id) => id % 100 === 0));
    expect(failed[0]).toMatchObject({ error: { code: 'TUTTI_OUTPUT_INVALID' } });
    expect((await readdir(folder)).sort()).toEqual(
      expect.arrayContaining(['.tutti', 'failed.jsonl', 'sorted.jsonl', 'tickets.jsonl']),
    );

    // What was running when it was stopped is asked again; nothing else is.
    expect(server.requests.length).toBeLessThanOrEqual(TICKETS + 2 * 2 * AT_ONCE);
  }, 120_000);

  test('has at most 40 lines', async () => {
    const code = await readFile('examples/tickets/main.mjs', 'utf8');
    expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
  });
});
