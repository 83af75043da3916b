import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { loadExample } from './load-example.js';
import { withFolder } from './temporary-folder.js';

interface Row {
  name: string;
  calls: number;
  ok: number;
  failed: number;
  timedOut: number;
  retried: number;
  cached: number;
  meanMs: number;
  p95Ms: number;
}
interface Tally {
  done: number;
  failed: number;
  timedOut: number;
  cancelled: number;
  retried: number;
  cached: number;
  savedMs: number;
  follow(orchestrator: EventEmitter): void;
  addResult(result: unknown): void;
  rows(): Row[];
}
interface Column {
  title: string;
  align?: string;
}
interface Section {
  title: string;
  items: Array<{ place: string; text: string }>;
}
type Paint = (format: string, text: string) => string;

const { Tally } = await loadExample<{
  Tally: new (names?: string[], notCached?: string[]) => Tally;
}>('codebase-review/output/tally.mjs');
const { renderTable, markdownTable } = await loadExample<{
  renderTable: (columns: Column[], rows: string[][]) => string;
  markdownTable: (columns: Column[], rows: string[][]) => string;
}>('codebase-review/output/table.mjs');
const { cut, oneLine, painterFor } = await loadExample<{
  cut: (text: string, width: number) => string;
  oneLine: (text: string) => string;
  painterFor: (stream: unknown) => Paint;
}>('codebase-review/output/style.mjs');
const { agentTable, findingsText } = await loadExample<{
  agentTable: (tally: Tally, paint: Paint, columns?: number) => string;
  findingsText: (sections: Section[], paint: Paint, columns?: number) => string;
}>('codebase-review/output/summary.mjs');
const { findingsOf } = await loadExample<{ findingsOf: (tally: Tally) => Section[] }>(
  'codebase-review/output/findings.mjs',
);
const { savingsText } = await loadExample<{
  savingsText: (
    tally: { cached: number; done: number; savedMs: number },
    concurrency: number,
    folder: string,
  ) => string | undefined;
}>('codebase-review/output/savings.mjs');
const { writeReport } = await loadExample<{ writeReport: (file: string, facts: object) => Promise<void> }>(
  'codebase-review/output/report.mjs',
);
const { startProgress } = await loadExample<{
  startProgress: (options: object) => { update(result: object): void; stop(): void };
}>('codebase-review/output/progress.mjs');

const plain: Paint = (_, text) => text;

function answer(agent: string, path: string, data: object, attempts = 1, runMs = 2): object {
  return {
    success: true,
    agent,
    output: 'text',
    data,
    attempts,
    cached: false,
    timings: { runMs },
    metadata: { path },
  };
}

function failure(agent: string, error: object, attempts = 1): object {
  return {
    success: false,
    agent,
    error,
    attempts,
    timings: { runMs: 400 },
    metadata: { path: 'a.md' },
  };
}

const timeout = {
  name: 'TimeoutError',
  code: 'TUTTI_TIMEOUT',
  scope: 'attempt',
  timeoutMs: 400,
  message: 'Timeout: too slow',
};

function sampleTally(): Tally {
  const tally = new Tally(['complexity', 'slow-reader'], ['slow-reader']);
  const functions = [
    { name: 'run', line: 3, complexity: 9 },
    { name: 'add', line: 8, complexity: 1 },
  ];
  tally.addResult(answer('complexity', 'b.ts', { functions, total: 2, max: 9 }));
  tally.addResult(
    answer('check-links', 'a.md', {
      local: 2,
      web: 0,
      broken: [{ line: 1, target: 'x|y.md', problem: 'no such file' }],
    }),
  );
  tally.addResult(answer('flaky-proofreader', 'a.md', { doubled: [] }, 2));
  tally.addResult(answer('summarize', 'a.md', { title: 'A', kept: 1, of: 2 }));
  tally.addResult(failure('slow-reader', timeout));
  return tally;
}

describe('Tally', () => {
  test('keeps answers, failures, timeouts and cancelled calls apart', () => {
    const tally = sampleTally();
    tally.addResult(failure('complexity', { code: 'TUTTI_AGENT_FAILED', message: 'broke' }));
    tally.addResult(failure('complexity', { code: 'TUTTI_CANCELLED', message: 'stop' }));
    expect(tally).toMatchObject({ done: 6, failed: 1, timedOut: 1, cancelled: 1 });
    expect(tally.rows()[0]).toMatchObject({ name: 'complexity', calls: 2, ok: 1, failed: 1, timedOut: 0 });
    expect(tally.rows()[1]).toMatchObject({ name: 'slow-reader', calls: 1, ok: 0, failed: 0, timedOut: 1 });
  });

  test('recognises a timeout behind exhausted retries', () => {
    const tally = new Tally();
    tally.addResult(failure('slow-reader', { code: 'TUTTI_RETRIES_EXHAUSTED', errors: [{}, timeout] }, 2));
    expect(tally.timedOut).toBe(1);
  });

  test('counts a retry before its call has a result', () => {
    const tally = new Tally();
    const orchestrator = new EventEmitter();
    tally.follow(orchestrator);
    orchestrator.emit('call:retry', { agent: 'flaky' });
    expect(tally.retried).toBe(1);
    expect(tally.rows()[0]).toMatchObject({ name: 'flaky', retried: 1, calls: 0, meanMs: 0, p95Ms: 0 });
  });

  test('counts answers from the cache, what they saved, and no time for them', () => {
    const tally = new Tally();
    tally.addResult(answer('summarize', 'a.md', { workMs: 30 }, 1, 40));
    tally.addResult({ ...answer('summarize', 'b.md', { workMs: 20 }, 0, 0), cached: 'disk' });
    tally.addResult({ ...answer('summarize', 'c.md', {}, 0, 0), cached: 'memory' });
    expect(tally).toMatchObject({ done: 3, cached: 2, savedMs: 20 });
    expect(tally.rows()[0]).toMatchObject({ calls: 3, ok: 3, cached: 2, meanMs: 40 });
  });

  test('gives mean and 95th percentile of the time that attempts ran', () => {
    const tally = new Tally();
    for (let ms = 1; ms <= 100; ms++) tally.addResult(answer('summarize', 'a.md', {}, 1, ms));
    expect(tally.rows()[0]).toMatchObject({ meanMs: 50.5, p95Ms: 95 });
  });
});

describe('renderTable', () => {
  test('aligns columns by what is seen, not by escape codes', () => {
    const table = renderTable(
      [{ title: 'agent' }, { title: 'calls', align: 'right' }, { title: 'says' }],
      [
        ['\u001b[1ma\u001b[22m', '7', 'hello'],
        ['longer', '1234567', 'x'],
      ],
    );
    expect(table.split('\n')).toEqual([
      'agent     calls  says',
      '──────  ───────  ─────',
      '\u001b[1ma\u001b[22m             7  hello',
      'longer  1234567  x',
    ]);
  });
});

describe('markdownTable', () => {
  test('keeps a cell in its cell', () => {
    const table = markdownTable([{ title: 'a' }, { title: 'b', align: 'right' }], [['x | y\n<z>', '1']]);
    expect(table).toBe('| a | b |\n| --- | ---: |\n| x \\| y \\<z> | 1 |');
  });
});

describe('style', () => {
  test('cuts to the width and marks the cut', () => {
    expect(['abc', 'abcd', 'abcde'].map((text) => cut(text, 4))).toEqual(['abc', 'abcd', 'abc…']);
    expect(cut('abc', 0)).toBe('');
  });

  test('takes line breaks and control characters out of foreign text', () => {
    expect(oneLine('a\n b\u001b[2Jc\u0007d')).toBe('a b?[2Jc?d');
  });

  test('paints nothing in a pipe', () => {
    expect(painterFor(new PassThrough())('red', 'x')).toBe('x');
  });
});

describe('agentTable', () => {
  test('shows the timeout and the retry', () => {
    const table = agentTable(sampleTally(), plain, 200);
    const line = (name: string): string => table.split('\n').find((row) => row.startsWith(name)) ?? '';
    expect(line('slow-reader')).toMatch(
      /1 +0 +0 +1 +0 +off +400\.0 +400\.0 {2}TimeoutError, scope attempt, after 400 ms$/,
    );
    expect(line('flaky-proofreader')).toMatch(/attempts 2: failed, retried, answered; 0 doubled words$/);
    expect(line('complexity')).toMatch(/2 functions; most complex run, 9 \(b\.ts\)$/);
  });

  test.each([80, 100, 120, 160])('fits a terminal of %d columns and loses no agent', (columns) => {
    const table = agentTable(sampleTally(), plain, columns);
    expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(columns);
    expect(table).toContain('TimeoutError, scope attempt');
    expect(table).toContain('attempts 2');
  });

  test('shows the message of a failure nobody planned', () => {
    const tally = new Tally();
    tally.addResult(failure('summarize', { code: 'TUTTI_AGENT_FAILED', message: 'it broke' }));
    expect(agentTable(tally, plain)).toContain('it broke');
  });
});

describe('savingsText', () => {
  test('says what the cache was good for, in work and in waiting', () => {
    const tally = { cached: 470, done: 494, savedMs: 8_400 };
    expect(savingsText(tally, 8, '.tutti')).toBe(
      '470 of 494 calls answered from .tutti: saved 8.4 s of work, about 1.1 s at 8 at a time.',
    );
    expect(savingsText({ ...tally, cached: 0 }, 8, '.tutti')).toBeUndefined();
  });
});

describe('findings', () => {
  test('lists what is worth a look and names its place', () => {
    const sections = Object.fromEntries(findingsOf(sampleTally()).map(({ title, items }) => [title, items]));
    expect(sections).toEqual({
      'Broken links': [{ place: 'a.md:1', text: 'x|y.md – no such file' }],
      'Most complex functions': [{ place: 'b.ts:3', text: 'run: 9 paths' }],
      'Repeated blocks': [],
      'TODO and FIXME': [],
      'Hard to read': [],
      'Doubled words': [],
    });
  });

  test('shows a few and counts the rest', () => {
    const items = Array.from({ length: 6 }, (_, n) => ({ place: `a.md:${n}`, text: 'x' }));
    const text = findingsText(
      [
        { title: 'Found', items },
        { title: 'Other', items: [] },
      ],
      plain,
    );
    expect(text.split('\n')).toEqual([
      'Found (6)',
      ...['  a.md:0  x', '  a.md:1  x', '  a.md:2  x', '  a.md:3  x'],
      '  and 2 more in the report',
      'Other: none',
    ]);
  });
});

describe('writeReport', () => {
  test('holds table, findings, failures, skipped files and summaries', async () => {
    const tally = sampleTally();
    const facts = {
      root: '/project',
      date: '2026-01-02',
      seconds: 1.25,
      fileCount: 2,
      tally,
      sections: findingsOf(tally),
      skipped: [{ path: 'long.ts', reason: 'longer than 100,000 characters' }],
    };
    const text = await withFolder({}, async (folder) => {
      const file = join(folder, 'report.md');
      await writeReport(file, facts);
      return readFile(file, 'utf8');
    });
    expect(text).toContain('5 calls over 2 files of `/project` in 1.3 s, on 2026-01-02.');
    expect(text).toContain(
      '| slow-reader | 1 | 0 | 0 | 1 | 0 | off | 400.0 | 400.0 | TimeoutError, scope attempt',
    );
    expect(text).toContain('- `a.md:1` x\\|y.md – no such file');
    expect(text).toContain('- `a.md` slow-reader: TimeoutError (scope attempt, 400 ms), attempts 1: Timeout');
    expect(text).toContain('- `long.ts` longer than 100,000 characters');
    expect(text).toContain('- `a.md` text');
    expect(text).toContain('## Repeated blocks\n\nNone.');
  });
});

describe('startProgress', () => {
  const orchestrator = { stats: () => ({ running: 3 }) };

  function streamOf(isTTY: boolean): {
    isTTY: boolean;
    columns: number;
    written: string;
    write(text: string): boolean;
  } {
    return {
      isTTY,
      columns: 60,
      written: '',
      write(text) {
        this.written += text;
        return true;
      },
    };
  }

  test('writes a plain line at each quarter into a pipe', () => {
    const stream = streamOf(false);
    const tally = new Tally();
    const progress = startProgress({
      stream,
      paint: plain,
      tally,
      plan: { total: 8 },
      orchestrator,
      startedAt: performance.now(),
    });
    for (let n = 0; n < 8; n++) {
      tally.done++;
      progress.update({ agent: 'a' });
    }
    progress.stop();
    const lines = stream.written.trimEnd().split('\n');
    expect(lines.map((line) => line.split('  ')[1])).toEqual(['25 %', '50 %', '75 %', '100 %']);
    expect(lines[0]).toMatch(
      /^2\/8 {2}25 % {2}\d+\.\d s {2}running 3 {2}failed 0 {2}timed out 0 {2}retried 0$/,
    );
    expect(stream.written).not.toContain('\u001b');
  });

  test('gives the cursor back on a terminal and leaves no listener', () => {
    const stream = streamOf(true);
    const before = process.listenerCount('exit');
    const progress = startProgress({
      stream,
      paint: plain,
      tally: new Tally(),
      plan: { total: 8 },
      orchestrator,
      startedAt: performance.now(),
    });
    expect(stream.written).toContain('\u001b[?25l');
    expect(stream.written).toContain('░'.repeat(24));
    progress.stop();
    expect(stream.written.endsWith('\u001b[?25h')).toBe(true);
    expect(process.listenerCount('exit')).toBe(before);
  });
});
