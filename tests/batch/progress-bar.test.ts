// Covers: src/batch/progress-bar.ts, src/batch/progress-text.ts
import { describe, expect, test } from '@jest/globals';
import { type ProgressBarOptions, progressBar } from '../../src/batch/index.js';
import { AsyncOrchestrator, type RunProgress } from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

/** A stream that keeps what is written to it. */
function stream(terminal: { columns?: number } | undefined) {
  const written: string[] = [];
  const write = (text: string): unknown => written.push(text);
  return { written, stream: { write, isTTY: terminal !== undefined, ...terminal } };
}

function progress(done: number, more: Partial<RunProgress> = {}): RunProgress {
  const timings = { queuedMs: 0, runMs: 0, totalMs: 0 };
  const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
  const result = {
    success: true,
    agent: 'a',
    callId: '',
    output: '',
    cached: false,
    usage,
    timings,
  } as const;
  const costs = { costUsd: 0.001, savedUsd: undefined, attempts: 1 };
  const counts = { done, failed: 0, cancelled: 0, cached: 0, waiting: undefined };
  return { ...counts, result: { ...result, ...costs }, ...more };
}

describe('progressBar in a terminal', () => {
  test('is one line that is drawn again at most ten times a second, and shows the last state', async () => {
    const clock = new FakeClock();
    const { written, stream: to } = stream({ columns: 100 });
    const bar = progressBar({ stream: to, clock });
    for (let done = 1; done <= 5; done += 1) bar(progress(done, { total: 10 }));
    expect(written).toHaveLength(1);
    await clock.advance(100);
    expect(written).toHaveLength(2);
    expect(written[1]).toContain('\r[##########----------] 50 % · 5 of 10 · ');
    expect((written[1] as string).endsWith('\x1b[K')).toBe(true);
    await clock.advance(1_000);
    expect(written).toHaveLength(2);
    bar.end();
    expect(written.slice(2)).toEqual(['\n']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('ends by itself when all of a known number of tasks are done', () => {
    const { written, stream: to } = stream({ columns: 100 });
    const bar = progressBar({ stream: to, clock: new FakeClock() });
    bar(progress(1, { total: 2 }));
    bar(progress(2, { total: 2 }));
    bar.end();
    expect(written.slice(-2)).toEqual([expect.stringContaining('100 % · 2 of 2'), '\n']);
  });

  test('never breaks the line', () => {
    const { written, stream: to } = stream({ columns: 30 });
    progressBar({ stream: to, clock: new FakeClock() })(progress(1, { total: 9_999_999, failed: 1 }));
    expect((written[0] as string).replace('\r', '').replace('\x1b[K', '')).toHaveLength(29);
  });
});

describe('progressBar in a pipe', () => {
  test('is a plain line at the start, every ten seconds and at the end', async () => {
    const clock = new FakeClock();
    const { written, stream: to } = stream(undefined);
    using bar = progressBar({ stream: to, clock, total: 5_000 });
    for (let done = 1; done <= 2_500; done += 1) {
      await clock.advance(10);
      bar(progress(done, { failed: 12, cached: 3 }));
    }
    expect(written).toHaveLength(3);
    expect(written[2]).toBe('40 % · 2,001 of 5,000 · 12 failed · 3 cached · 100/s · 30 s left · $2.00\n');
    bar.end();
    expect(written[3]).toBe('50 % · 2,500 of 5,000 · 12 failed · 3 cached · 100/s · 25 s left · $2.50\n');
    bar.end();
    bar(progress(2_501));
    expect(written).toHaveLength(4);
  });

  test('shows cancelled tasks and what calls wait for, and counts where no total is known', () => {
    const { written, stream: to } = stream(undefined);
    const waiting = { count: 7, reason: 'retry-after', untilMs: undefined } as const;
    progressBar({ stream: to, clock: new FakeClock() })(progress(3, { cancelled: 2, waiting }));
    expect(written).toEqual(['3 done · 2 cancelled · $0.0010 · 7 waiting: retry-after\n']);
  });

  test('follows a real run to its end', async () => {
    const { written, stream: to } = stream(undefined);
    await using orchestrator = new AsyncOrchestrator({ agents: { echo: (task) => task } });
    const tasks = Array.from({ length: 20 }, (_none, index) => ['echo', `${index}`] as const);
    await orchestrator.executeMultiple(tasks, { onProgress: progressBar({ stream: to }) });
    expect(written.at(0)).toContain('5 % · 1 of 20');
    expect(written.at(-1)).toContain('100 % · 20 of 20');
  });

  test('writes nothing for a run without tasks', () => {
    const { written, stream: to } = stream({});
    progressBar({ stream: to }).end();
    expect(written).toEqual([]);
  });

  test('rejects a wrong option by its name', () => {
    expect(() => progressBar({ totl: 1 } as ProgressBarOptions)).toThrow('total');
    expect(() => progressBar({ stream: {} as never })).toThrow('stream: expected a stream with write()');
  });
});
