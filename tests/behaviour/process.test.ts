import { execFile } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { inBuild } from '../processes/current-build.js';

// What only a process of its own can show: when it ends, what ends it, and how much memory it keeps.

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  /** From the script's first line to its end. */
  tookMs: number;
}

const PREAMBLE = `
import { AsyncOrchestrator } from 'tutti';
const startedAt = performance.now();
process.on('exit', () => console.log('took ' + (performance.now() - startedAt)));
const hang = () => new Promise(() => {});
`;

/** Runs a script in a process of its own, in the folder of the package as it is now. */
function run(script: string, ...flags: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const args = [...flags, '--input-type=module', '--eval', PREAMBLE + script];
    execFile(process.execPath, args, { cwd: inBuild(), timeout: 22_000 }, (error, stdout, stderr) => {
      const tookMs = Number(/took ([\d.]+)/.exec(stdout)?.[1]);
      const code = error === null ? 0 : ((error as { code?: number | null }).code ?? null);
      resolve({ code, stdout: stdout.replace(/took .*\n/, ''), stderr, tookMs });
    });
  });
}

describe('a script', () => {
  test('that has finished its calls ends by itself, without close()', async () => {
    const ended = await run(`
      const orchestrator = new AsyncOrchestrator({
        agents: { slow: (task) => new Promise((resolve) => setTimeout(resolve, 20, task)) },
        deadlineMs: 60_000,
      });
      console.log((await orchestrator.execute('slow', 'done')).output);
      console.log((await orchestrator.executeMultiple([['slow', 'a'], ['slow', 'b']])).length);
    `);
    expect(ended).toMatchObject({ code: 0, stdout: 'done\n2\n', stderr: '' });
    expect(ended.tookMs).toBeLessThan(1_000);
  }, 30_000);

  test('whose agent hangs after its timeout ends when its calls are answered, not abandonMs later', async () => {
    const ended = await run(`
      const orchestrator = new AsyncOrchestrator({ agents: { hang }, timeoutMs: 50, maxRetries: 0 });
      await orchestrator.execute('hang', 't').catch((error) => console.log(error.code));
    `);
    expect(ended).toMatchObject({ code: 0, stdout: 'TUTTI_TIMEOUT\n' });
    expect(ended.tookMs).toBeLessThan(1_500);
  }, 30_000);

  test('does not end while a call waits for the permit of hung work', async () => {
    const ended = await run(`
      const orchestrator = new AsyncOrchestrator({
        agents: { hang, quick: () => 'answered' },
        maxConcurrent: 1, timeoutMs: 50, maxRetries: 0, abandonMs: 400,
      });
      orchestrator.execute('hang', 't').catch((error) => console.log(error.code));
      console.log((await orchestrator.execute('quick', 't')).output);
    `);
    expect(ended).toMatchObject({ code: 0, stdout: 'TUTTI_TIMEOUT\nanswered\n' });
    expect(ended.tookMs).toBeGreaterThanOrEqual(440);
  }, 30_000);

  test('does not end while a call waits for its agent’s own permit, held by hung work', async () => {
    const ended = await run(`
      let calls = 0;
      const orchestrator = new AsyncOrchestrator({
        agents: [{ name: 'one', maxConcurrent: 1, run: () => (calls++ === 0 ? hang() : 'answered') }],
        timeoutMs: 50, maxRetries: 0, abandonMs: 400,
      });
      orchestrator.execute('one', 't').catch((error) => console.log(error.code));
      console.log((await orchestrator.execute('one', 't')).output);
    `);
    expect(ended).toMatchObject({ code: 0, stdout: 'TUTTI_TIMEOUT\nanswered\n' });
    expect(ended.tookMs).toBeGreaterThanOrEqual(440);
  }, 30_000);

  test('ends when the calls that waited for hung work were answered by their deadlines', async () => {
    const ended = await run(`
      const orchestrator = new AsyncOrchestrator({
        agents: { hang, quick: () => 'answered' },
        maxConcurrent: 1, timeoutMs: 50, maxRetries: 0, abandonMs: 20_000,
      });
      orchestrator.execute('hang', 't').catch((error) => console.log(error.scope));
      await orchestrator.execute('quick', 't', { deadlineMs: 200 }).catch((error) => console.log(error.scope));
    `);
    expect(ended).toMatchObject({ code: 0, stdout: 'attempt\ndeadline\n' });
    expect(ended.tookMs).toBeLessThan(2_000);
  }, 30_000);

  test('ends after close() with hung work, once that was given up', async () => {
    const ended = await run(`
      const orchestrator = new AsyncOrchestrator({ agents: { hang }, abandonMs: 300 });
      orchestrator.execute('hang', 't').catch((error) => console.log(error.code));
      await orchestrator.close({ drainMs: 50 });
      console.log('closed', orchestrator.stats().abandoned);
    `);
    expect(ended).toMatchObject({ code: 0, stdout: 'TUTTI_CANCELLED\nclosed 1\n' });
    expect(ended.tookMs).toBeGreaterThanOrEqual(340);
  }, 30_000);

  test('is not ended by an unhandled rejection, however its calls end', async () => {
    const ended = await run(`
      const orchestrator = new AsyncOrchestrator({
        agents: {
          bad: async () => { throw new Error('x'); },
          late: () => new Promise((_, reject) => setTimeout(reject, 100, new Error('after the timeout'))),
          breaks: async function* () { yield 'a'; throw new Error('in the middle'); },
          hang,
        },
        timeoutMs: 30, maxRetries: 1, retry: { minDelayMs: 1 }, abandonMs: 10,
      });
      const swallow = () => {};
      orchestrator.stream('bad', 't');
      orchestrator.stream('breaks', 't').cancel();
      orchestrator.stream('hang', 't');
      orchestrator.on('call:end', async () => { throw new Error('in a listener'); });
      await orchestrator.execute('late', 't').catch(swallow);
      await orchestrator.executeMultiple([['bad', 't'], ['late', 't']], { stopOnError: true }).catch(swallow);
      for await (const outcome of orchestrator.executeEach([['late', 't'], ['bad', 't']])) break;
      await new Promise((resolve) => setTimeout(resolve, 300));
      console.log('survived');
    `);
    expect(ended).toMatchObject({ code: 0, stdout: 'survived\n', stderr: '' });
  }, 30_000);
});

describe('memory', () => {
  test('returns to where it was after rounds of 2,000 calls that work, fail, time out and are cancelled', async () => {
    const ended = await run(
      `
      import { setImmediate as turn } from 'node:timers/promises';
      const orchestrator = new AsyncOrchestrator({
        maxConcurrent: 8, timeoutMs: 5, maxRetries: 1, retry: { minDelayMs: 0, maxDelayMs: 1 }, abandonMs: 1,
        agents: {
          good: async (task) => task,
          bad: async () => { throw Object.assign(new Error('x'), { status: 503 }); },
          slow: (_task, { signal }) =>
            new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        },
      });
      const shared = new AbortController();
      async function round() {
        const calls = [];
        for (let index = 0; index < 2_000; index += 1) {
          const agent = index % 50 === 0 ? 'slow' : index % 3 === 0 ? 'bad' : 'good';
          const controller = new AbortController();
          const signal = index % 4 === 0 ? controller.signal : shared.signal;
          calls.push(orchestrator.execute(agent, 'task ' + index, { signal }).catch(() => {}));
          if (index % 20 === 0) controller.abort();
        }
        await Promise.all(calls);
        await orchestrator.executeMultiple(Array.from({ length: 1_000 }, () => ['good', 't']));
      }
      async function heap() {
        for (let pass = 0; pass < 4; pass += 1) { await turn(); gc(); }
        return process.memoryUsage().heapUsed;
      }
      for (let warmUp = 0; warmUp < 4; warmUp += 1) await round();
      const before = await heap();
      for (let more = 0; more < 4; more += 1) await round();
      const after = await heap();
      console.log(JSON.stringify({ before, after, stats: orchestrator.stats() }));
    `,
      '--expose-gc',
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const { before, after, stats } = JSON.parse(ended.stdout);
    expect(stats).toMatchObject({ running: 0, queued: 0, inFlight: 0, backingOff: 0, submitted: 24_000 });
    expect(after / before).toBeLessThan(1.05);
  }, 60_000);

  test('does not grow with the number of tasks that executeEach reads', async () => {
    const ended = await run(
      `
      const orchestrator = new AsyncOrchestrator({ agents: { echo: async (task) => task } });
      async function* tasks(count) {
        for (let index = 0; index < count; index += 1) yield ['echo', 'task number ' + index];
      }
      async function drain(count) {
        let last;
        for await (const outcome of orchestrator.executeEach(tasks(count))) last = outcome;
        gc();
        return process.memoryUsage().heapUsed;
      }
      await drain(5_000);
      const few = await drain(5_000);
      const many = await drain(100_000);
      console.log(JSON.stringify({ few, many }));
    `,
      '--expose-gc',
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const { few, many } = JSON.parse(ended.stdout);
    expect(many / few).toBeLessThan(1.05);
  }, 60_000);
});
