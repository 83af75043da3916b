import { spawn } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { inBuild } from '../processes/current-build.js';
import { withFolder } from './temporary-folder.js';

const MAIN = inBuild('examples/codebase-review/main.mjs');

interface RunOptions {
  /** Where it is run from, and so where its cache is. */
  cwd?: string;
  /** Laid over this process's environment; `undefined` takes a variable out. */
  environment?: Record<string, string | undefined>;
  interruptAt?: string;
}

interface Run {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the example as a user does, its output in a pipe. `interruptAt` sends Ctrl-C once that has been written. */
function runExample(
  args: string[],
  { cwd = tmpdir(), environment, interruptAt }: RunOptions = {},
): Promise<Run> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    // The secret that signs the cache is of this run, not one in somebody's home.
    env: { ...process.env, TUTTI_CACHE_SECRET: 'a secret of these tests', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const run: Run = { code: null, out: '', err: '' };
  let isInterrupted = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    run.out += text;
    if (isInterrupted || interruptAt === undefined || !run.out.includes(interruptAt)) return;
    isInterrupted = true;
    child.kill('SIGINT');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.err += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...run, code }));
  });
}

const FIXTURE = {
  'README.md':
    '# Fixture\n\nThis is the the text of a fixture.\n\n- TODO: write more\n\n[gone](gone.md) [there](docs/guide.md#guide)\n',
  'docs/guide.md': '# Guide\n\nIt says how things are done here, and why they are done so.\n',
  'src/busy.ts': `// Decides.\nexport function decide(a: number) {\n${'  if (a > 1) a--;\n'.repeat(7)}  return a;\n}\n`,
  'src/empty.ts': '',
};

/** Without code: loading a compiler takes as long as all the rest. */
const DOCUMENTS_ONLY = { 'README.md': FIXTURE['README.md'], 'docs/guide.md': FIXTURE['docs/guide.md'] };

/** Whatever the machine has: these tests spend no money. */
const NO_KEYS = {
  ANTHROPIC_API_KEY: undefined,
  OPENAI_API_KEY: undefined,
  OPENAI_BASE_URL: undefined,
  TUTTI_MODEL: undefined,
};

let modelServer: ModelServer;

describe('the codebase review', () => {
  test('shows the work of all agents, the timeout and the retries, and writes its report', async () => {
    await withFolder(FIXTURE, async (folder) => {
      const report = join(folder, 'report.md');
      const { code, out, err } = await runExample(['.', '--report', report], { cwd: folder });
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const row = (name: string): string => out.split('\n').find((line) => line.startsWith(name)) ?? '';
      expect(row('summarize')).toMatch(/^summarize +3 +3 +0 +0 +0 +0 /);
      expect(row('complexity')).toMatch(/^complexity +1 +1 +0 +0 +0 .*1 function; most complex decide, 8/);
      expect(row('find-duplicates')).toMatch(/^find-duplicates +1 +1 +0 +0 +0 /);
      expect(row('flaky-proofreader')).toMatch(/^flaky-proofreader +3 +3 +0 +0 +3 +off .*attempts 2/);
      expect(row('slow-reader')).toMatch(
        /^slow-reader +3 +0 +0 +3 +0 +off .*TimeoutError, scope attempt, after 400 ms/,
      );
      expect(out).toContain('README.md:7  gone.md – no such file');
      expect(out).toContain('README.md:5  TODO: write more');
      expect(out).toContain('README.md:3  the the');
      expect(out).toContain('src/busy.ts:2  decide: 8 paths');
      expect(out).toContain('Skipped 1 file: 1 empty.');
      expect(out).toMatch(/19\/19 {2}100 %/);
      expect(out).not.toContain('\u001b');
      const written = await readFile(report, 'utf8');
      expect(written).toContain('| slow-reader | 3 | 0 | 0 | 3 | 0 | off |');
      expect(written).toContain('- `README.md:7` gone.md – no such file');
      expect(written).toContain('- `src/empty.ts` empty');
    });
  }, 20_000);

  test('answers its second run from the cache on disk, but for the agents that are not cached', async () => {
    await withFolder(DOCUMENTS_ONLY, async (folder) => {
      const run = (...args: string[]): Promise<Run> =>
        runExample(['.', '--report', join(folder, 'report.md'), ...args], { cwd: folder });
      const cachedIn = ({ out }: Run): string[] =>
        out
          .split('\n')
          .flatMap((line) => /^([a-z-]+)(?: +\d+){5} +(\d+|off)(?: |$)/.exec(line)?.slice(1).join(' ') ?? []);
      const findingsIn = ({ out }: Run): string | undefined => /\nBroken links[\s\S]*Skipped/.exec(out)?.[0];
      const first = await run();
      expect(first.out).not.toContain('answered from');
      const second = await run();
      expect({ code: second.code, err: second.err }).toEqual({ code: 0, err: '' });
      expect(cachedIn(second)).toEqual([
        ...['summarize 2', 'readability 2', 'find-todos 2', 'complexity 0', 'check-links off'],
        ...['find-duplicates 1', 'flaky-proofreader off', 'slow-reader off'],
      ]);
      expect(second.out).toMatch(
        /7 of 13 calls answered from \.tutti: saved [\d.]+ s of work, about [\d.]+ s at 8 at a time\./,
      );
      expect(findingsIn(second)).toBe(findingsIn(first));
      const [fresh, off] = await Promise.all([run('--fresh'), run('--no-cache')]);
      for (const one of [fresh, off]) expect(one.out).not.toContain('answered from');
      expect(cachedIn(off)).toContain('summarize off');
      await writeFile(join(folder, 'docs/guide.md'), '# Guide\n\nIt says something else now.\n');
      // The three cached agents of that file, and the one that looks at all files.
      expect((await run()).out).toContain('3 of 13 calls answered from .tutti');
      expect((await stat(join(folder, '.tutti/cache.db'))).mode & 0o777).toBe(0o600);
    });
  }, 30_000);

  test('works where its cache cannot be, and says so', async () => {
    await withFolder({ ...DOCUMENTS_ONLY, '.tutti': 'not a folder' }, async (folder) => {
      const { code, out } = await runExample(['.', '--report', join(folder, 'report.md')], { cwd: folder });
      expect(code).toBe(0);
      expect(out).toMatch(/cache/i);
    });
  }, 20_000);

  test('asks a model too, and says plainly that a scripted one has answered', async () => {
    await withFolder(DOCUMENTS_ONLY, async (folder) => {
      const { code, out, err } = await runExample(
        [folder, '--report', join(folder, 'report.md'), '--model', '--no-cache'],
        { environment: NO_KEYS },
      );
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const [, answers = ''] = out.split('\nNo key is set ');
      expect(answers).toContain('a server on this machine plays the model. Its answers are scripted');
      expect(answers).toMatch(/ {2}README\.md: [1-5] of 5, scripted: \d+ words were sent \(\d+ tokens/);
      expect(answers).toMatch(/, 2 attempts\)/);
      expect(answers).toMatch(/Summary: This is a scripted summary .* \(first word after \d+ ms\)/);
      expect(answers).toMatch(
        /4 requests, \$0\.\d{6} at list price, had a model answered: nothing was spent\./,
      );
      expect(out).not.toContain('\u001b');
    });
  }, 30_000);

  test.each([
    ['ANTHROPIC_API_KEY', 'claude-haiku-4-5 of Anthropic', () => ({ ANTHROPIC_BASE_URL: modelServer.url })],
    ['OPENAI_API_KEY', 'gpt-4.1-mini of ', () => ({ OPENAI_BASE_URL: modelServer.openaiURL })],
  ])(
    'with %s asks the real thing',
    async (key, notice, address) => {
      modelServer = await startModelServer(({ isStream }) => ({
        text: isStream ? ['well ', 'done'] : '{"verdict":"clear","stars":4}',
      }));
      try {
        await withFolder(DOCUMENTS_ONLY, async (folder) => {
          const { code, out, err } = await runExample(
            [folder, '--report', join(folder, 'report.md'), '--model', '--no-cache'],
            { environment: { ...NO_KEYS, [key]: 'test', ...address() } },
          );
          expect({ code, err }).toEqual({ code: 0, err: '' });
          expect(out).toContain(`Asking the model ${notice}`);
          expect(out).toContain('README.md: 4 of 5, clear');
          expect(out).toContain('Summary: well done');
          expect(out).not.toContain('scripted');
        });
        expect(modelServer.requests).toHaveLength(3);
      } finally {
        await modelServer.close();
      }
    },
    30_000,
  );

  test('stops at Ctrl-C, shows what there is and writes no report', async () => {
    await withFolder(DOCUMENTS_ONLY, async (folder) => {
      const report = join(folder, 'report.md');
      const { code, out, err } = await runExample([folder, '--report', report, '--concurrency', '1'], {
        cwd: folder,
        interruptAt: 'Ctrl-C',
      });
      expect({ code, err }).toEqual({ code: 130, err: '' });
      expect(out).toMatch(/^agent +calls/m);
      expect(out).toMatch(/Stopped after \d+ calls?; cancelled: [01]\. No report written\./);
      await expect(stat(report)).rejects.toMatchObject({ code: 'ENOENT' });
    });
  }, 20_000);

  test('says what is wrong with its arguments and ends with 2', async () => {
    await withFolder({ 'a.md': 'text' }, async (folder) => {
      const [gone, file, option, report] = await Promise.all([
        runExample([join(folder, 'gone')]),
        runExample([join(folder, 'a.md')]),
        runExample([folder, '--concurrency', '0']),
        runExample([folder, '--report', folder]),
      ]);
      const both = await runExample([folder, '--fresh', '--no-cache']);
      expect([gone.code, file.code, option.code, report.code, both.code]).toEqual([2, 2, 2, 2, 2]);
      expect(both.err).toMatch(/--fresh keeps answers, --no-cache does not: choose one\./);
      expect(gone.err).toMatch(/^There is no folder ".*gone"\.\nTry --help\.\n$/);
      expect(file.err).toMatch(/is not a folder/);
      expect(option.err).toMatch(/--concurrency must be a whole number/);
      expect(report.err).toMatch(/--report needs the name of a file/);
    });
  }, 20_000);

  test('says so when there is nothing to review, and helps', async () => {
    await withFolder({ 'data.json': '{}' }, async (folder) => {
      const [empty, help] = await Promise.all([runExample([folder]), runExample(['--help'])]);
      expect(empty).toMatchObject({ code: 0, err: '' });
      expect(empty.out).toMatch(/^Nothing to review: .* holds no Markdown/);
      expect(help).toMatchObject({ code: 0, err: '' });
      expect(help.out).toContain('--concurrency N');
    });
  }, 20_000);
});
