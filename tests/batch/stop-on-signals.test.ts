import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { stopOnSignals } from '../../src/batch/index.js';
import { inBuild } from '../processes/current-build.js';

const PREAMBLE = `
import { AsyncOrchestrator } from 'tutti';
import { stopOnSignals } from 'tutti/batch';
const slow = (task, { signal }) => new Promise((resolve, reject) => {
  setTimeout(resolve, 200, task);
  signal.addEventListener('abort', () => reject(signal.reason));
});
function* endless() { for (let task = 1; ; task += 1) yield ['slow', String(task)]; }
`;

interface Ended {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** Runs a script; \`send\` is called with the process once it has printed "ready". */
async function run(script: string, send: (child: ChildProcess) => void): Promise<Ended> {
  const args = ['--input-type=module', '--eval', PREAMBLE + script];
  const child = spawn(process.execPath, args, { cwd: inBuild(), stdio: ['ignore', 'pipe', 'pipe'] });
  const written = { stdout: '', stderr: '' };
  child.stderr.on('data', (chunk: Buffer) => {
    written.stderr += chunk.toString();
  });
  let isReady = false;
  child.stdout.on('data', (chunk: Buffer) => {
    written.stdout += chunk.toString();
    if (isReady || !written.stdout.includes('ready')) return;
    isReady = true;
    send(child);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, ...written };
}

const EACH = `
  const seen = [];
  try {
    for await (const outcome of orchestrator.executeEach(endless(), options)) {
      seen.push(outcome.success);
      if (seen.length === 4) console.log('ready');
    }
  } catch (error) {
    console.log(error.code, error.message.includes('runId "job"'));
  }
  console.log(seen.filter(Boolean).length >= 4, orchestrator.stats().inFlight);
`;

describe('stopOnSignals', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends a run over an endless source on %s and says how to go on', async (signal, code) => {
    const directory = await mkdtemp(join(tmpdir(), 'tutti-signals-'));
    const script = `
      const orchestrator = new AsyncOrchestrator({ agents: { slow }, maxConcurrent: 4 });
      const options = { runId: 'job', directory: ${JSON.stringify(directory)} };
      stopOnSignals(orchestrator, { onSignal: (name) => console.log('stopping on', name) });
      ${EACH}`;
    const ended = await run(script, (child) => child.kill(signal));
    expect(ended).toEqual({
      code,
      signal: null,
      stdout: `ready\nstopping on ${signal}\nTUTTI_RUN_STOPPED true\ntrue 0\n`,
      stderr: '',
    });
    await rm(directory, { recursive: true });
  });

  test('lets running calls finish for drainMs', async () => {
    const script = `
      const orchestrator = new AsyncOrchestrator({ agents: { slow } });
      stopOnSignals(orchestrator, { drainMs: 5_000 });
      const call = orchestrator.execute('slow', 'answered');
      console.log('ready');
      console.log((await call).output);`;
    const ended = await run(script, (child) => child.kill('SIGTERM'));
    expect(ended).toMatchObject({ code: 143, stdout: 'ready\nanswered\n', stderr: '' });
  });

  test('takes signals that follow each other at once as one, and ends at once on a later one', async () => {
    const script = `
      const hang = () => new Promise(() => setInterval(() => {}, 1_000));
      const orchestrator = new AsyncOrchestrator({ agents: { hang }, abandonMs: 60_000 });
      stopOnSignals(orchestrator, { onSignal: () => console.log('stopping') });
      orchestrator.execute('hang', 'x').catch((error) => console.log(error.code));
      console.log('ready');`;
    const ended = await run(script, (child) => {
      child.kill('SIGINT');
      setTimeout(() => child.kill('SIGINT'), 50);
      setTimeout(() => child.kill('SIGINT'), 1_500);
    });
    expect(ended).toEqual({
      code: null,
      signal: 'SIGINT',
      stdout: 'ready\nstopping\nTUTTI_CANCELLED\n',
      stderr: '',
    });
  });

  test('reports what fails while it closes, and keeps no script alive', async () => {
    const script = `
      stopOnSignals({ close: () => Promise.reject(new Error('disk full')) });
      const timer = setTimeout(() => {}, 3_000);
      process.on('warning', () => clearTimeout(timer));
      console.log('ready');`;
    const ended = await run(script, (child) => child.kill('SIGINT'));
    expect(ended).toMatchObject({
      code: 130,
      stdout: 'ready\n',
      stderr: expect.stringContaining('disk full'),
    });
  });

  test('stops listening when it is told so', () => {
    const before = process.listenerCount('SIGINT');
    const stop = stopOnSignals({ close: async () => {} }, { signals: ['SIGINT'] });
    expect(process.listenerCount('SIGINT')).toBe(before + 1);
    stop();
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  test('rejects what it cannot use by its name', () => {
    expect(() => stopOnSignals({} as never)).toThrow('orchestrator: expected an orchestrator');
    const close = async (): Promise<void> => {};
    expect(() => stopOnSignals({ close }, { signals: ['SIGNOT' as 'SIGINT'] })).toThrow('signals: expected');
    expect(() => stopOnSignals({ close }, { drainMs: -1 })).toThrow('drainMs: expected');
  });
});
