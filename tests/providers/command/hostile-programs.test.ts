// Covers: src/providers/command/marked-processes.ts, src/providers/command/parent-watcher.ts
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator } from '../../../src/index.js';
import { command } from '../../../src/providers/index.js';
import { inBuild } from '../../processes/current-build.js';
import { HOSTILE, hostileScript } from '../../processes/hostile-programs.mjs';

const MARK = `left-${process.pid}-${Date.now()}`;
/** How long hostile programs sleep, in seconds: numbers that nothing else has among its arguments. */
let nextNumber = 1_000_000 + (Date.now() % 100_000) * 1_000;
function numbers(count: number): number[] {
  nextNumber += count;
  return Array.from({ length: count }, (_none, index) => nextNumber - count + index);
}

/** Processes whose arguments or environment hold one of the texts, with what they are. Those that have ended are none. */
function processesWith(texts: readonly string[]): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').map(Number)) {
    if (!(pid > 0) || pid === process.pid) continue;
    try {
      const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'latin1');
      const [arguments_, environment] = [read('cmdline'), read('environ')];
      if (texts.some((text) => arguments_.includes(text) || environment.includes(text)))
        found.push(`${pid}: ${arguments_.replaceAll('\0', ' ')}`);
    } catch {
      // It has ended, or is another user's.
    }
  }
  return found;
}

/** Waits until none is left; the limit is only there so that a fault does not hang the suite. */
async function untilNoneIsLeft(texts: readonly string[], limitMs = 15_000): Promise<string[]> {
  const endAt = Date.now() + limitMs;
  for (;;) {
    const left = processesWith(texts);
    if (left.length === 0 || Date.now() > endAt) return left;
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

type Ending = 'time-out' | 'cancel' | 'close' | 'reader leaves';

/** Runs a hostile program to an end of this kind. */
async function runToItsEnd(script: string, ending: Ending): Promise<void> {
  const agent = command({
    name: 'hostile',
    file: 'sh',
    args: ['-c', `echo up; ${script}`],
    env: { MARK },
    killGraceMs: 100,
    ...(ending === 'time-out' ? { timeoutMs: 600 } : {}),
  });
  const orchestrator = new AsyncOrchestrator({ agents: [agent], maxRetries: 0 });
  const controller = new AbortController();
  const stream = orchestrator.stream('hostile', 'x', { signal: controller.signal });
  stream.result.catch(() => {});
  const end = async (): Promise<void> => {
    if (ending === 'cancel') controller.abort();
    if (ending === 'close') await orchestrator.close({ drainMs: 0 });
  };
  try {
    for await (const event of stream) {
      if (event.type !== 'text-delta') continue;
      await new Promise((wake) => setTimeout(wake, 300));
      if (ending === 'reader leaves') break;
      await end();
    }
  } catch {
    // It was ended, or failed: what counts is what it left.
  }
  await orchestrator.close({ drainMs: 0 });
}

const ENDINGS: readonly Ending[] = ['time-out', 'cancel', 'close', 'reader leaves'];
const programs = Object.entries(HOSTILE);

describe.each([
  ['one way', 0],
  ['another way', 1],
])('hostile programs that are ended in %s', (_what, shift) => {
  test('leave nothing running, whatever they do', async () => {
    expect(programs.length).toBeGreaterThanOrEqual(30);
    const sleeps = numbers(programs.length);
    const waiting = programs.map(([, script], index) => ({ script, index }));
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const ending = ENDINGS[(next.index + shift) % ENDINGS.length] as Ending;
        await runToItsEnd(hostileScript(next.script, sleeps[next.index] as number), ending);
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    expect(await untilNoneIsLeft([MARK, ...sleeps.map(String)])).toEqual([]);
  }, 120_000);
});

describe('a parent that is killed', () => {
  test('leaves no hostile program running', async () => {
    const [first, ...rest] = numbers(programs.length) as [number, ...number[]];
    const texts = [first, ...rest].map(String);
    const parent = spawn(
      process.execPath,
      [resolve('tests/processes/hostile-parent.mjs'), inBuild('dist'), String(first)],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TUTTI_CALL: undefined } },
    );
    let output = '';
    parent.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    while (output.split('up').length <= programs.length) await once(parent.stdout, 'data');
    await new Promise((wake) => setTimeout(wake, 500));
    expect(processesWith(texts).length).toBeGreaterThan(programs.length);
    const closed = once(parent, 'exit');
    parent.kill('SIGKILL');
    await closed;
    expect(await untilNoneIsLeft(texts)).toEqual([]);
  }, 120_000);
});
