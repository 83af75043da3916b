// Covers: src/providers/command/command-options.ts, src/providers/command/environment.ts
// Covers: src/providers/command/run-program.ts
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Provider, ProviderRequest } from '../../../src/contracts/provider.js';
import { silentLogger } from '../../../src/logging/logger.js';
import type { CommandOptions } from '../../../src/providers/command/command-options.js';
import { command } from '../../../src/providers/command/command-provider.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-command-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let scripts = 0;
/** Writes a Node script and gives the options that run it. */
async function script(source: string, options: Partial<CommandOptions> = {}): Promise<Provider> {
  scripts += 1;
  const path = join(folder, `script-${scripts}.mjs`);
  await writeFile(path, source);
  const definition = command({ file: process.execPath, ...options, args: [path, ...(options.args ?? [])] });
  return definition.provider as Provider;
}

function request(task: string, signal = new AbortController().signal): ProviderRequest {
  return {
    agent: 'program',
    callId: 'c1',
    attempt: 1,
    task,
    model: undefined,
    instructions: undefined,
    params: {},
    output: undefined,
    signal,
    logger: silentLogger,
  };
}

const ECHO_STDIN = 'process.stdin.pipe(process.stdout);';
const SHOW_ARGS = 'process.stdout.write(JSON.stringify(process.argv.slice(2)));';
const NASTY = `it's "quoted" $(touch x) \`y\` ; rm -rf / && echo %PATH% | cat\nsecond line\t\\ end `;

async function failure(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Record<string, unknown>;
  }
  throw new Error('it was expected to fail');
}

/** Waits until a condition holds; the limit is only there so that a fault does not hang the suite. */
async function until(holds: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  const endAt = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > endAt) throw new Error('it did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return true;
}

/** A process that has ended but was not collected yet is not running. */
async function isRunning(pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return !/\) Z /.test(stat);
}

describe('command, giving the task', () => {
  test('passes the task on standard input unchanged and returns the output unchanged', async () => {
    const provider = await script(ECHO_STDIN);
    const reply = await provider.generate(request(NASTY));
    expect(reply).toEqual({ output: NASTY, finishReason: 'stop' });
  });

  test('passes the task as the last argument literally', async () => {
    const provider = await script(SHOW_ARGS, { input: 'argument', args: ['--flag', 'a b'] });
    const { output } = await provider.generate(request(NASTY));
    expect(JSON.parse(output)).toEqual(['--flag', 'a b', NASTY]);
  });

  test('passes its own arguments literally', async () => {
    const provider = await script(SHOW_ARGS, { args: [NASTY, '', '*'] });
    const { output } = await provider.generate(request('x'));
    expect(JSON.parse(output)).toEqual([NASTY, '', '*']);
  });

  test('refuses a task that could be taken for an option', async () => {
    const provider = await script(SHOW_ARGS, { input: 'argument' });
    const error = await failure(provider.generate(request('--delete-everything')));
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_REQUEST', retryable: false });
    expect(error.message).toContain("'--'");
  });

  test('passes a task that begins with a dash after "--"', async () => {
    const provider = await script(SHOW_ARGS, { input: 'argument', args: ['--'] });
    const { output } = await provider.generate(request('-x'));
    expect(JSON.parse(output)).toEqual(['--', '-x']);
  });

  test('refuses a NUL character in an argument', async () => {
    const provider = await script(SHOW_ARGS, { input: 'argument' });
    expect(await failure(provider.generate(request('a\0b')))).toMatchObject({
      code: 'TUTTI_PROVIDER_REQUEST',
    });
  });

  test('is not disturbed by a program that does not read its input', async () => {
    const provider = await script('process.stdout.write("done"); process.exit(0);');
    const { output } = await provider.generate(request('x'.repeat(5_000_000)));
    expect(output).toBe('done');
  });
});

describe('command, output', () => {
  test('takes 10 MB', async () => {
    const provider = await script(
      'const block = "0123456789".repeat(100_000); for (let i = 0; i < 10; i++) process.stdout.write(block);',
    );
    const { output } = await provider.generate(request('x'));
    expect(output.length).toBe(10_000_000);
    expect(output === '0123456789'.repeat(1_000_000)).toBe(true);
  });

  test('decodes characters that are split between chunks', async () => {
    const provider = await script(`
      const bytes = Buffer.from('€𝄞ü'.repeat(20));
      for (const byte of bytes) {
        process.stdout.write(Buffer.from([byte]));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }`);
    const { output } = await provider.generate(request('x'));
    expect(output).toBe('€𝄞ü'.repeat(20));
  });

  test.each([
    ['bytes that are no character', '[0x61, 0xff, 0x62]'],
    ['a character cut off at the end', '[0x61, 0xe2, 0x82]'],
  ])('refuses %s', async (_what, bytes) => {
    const provider = await script(`process.stdout.write(Buffer.from(${bytes}));`);
    const error = await failure(provider.generate(request('x')));
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE', retryable: false });
    expect(error.message).toContain('not UTF-8');
  });

  test('ends a program that writes more than maxOutputBytes', async () => {
    const provider = await script(
      'for (;;) process.stdout.write("x".repeat(1000)) || await new Promise((r) => process.stdout.once("drain", r));',
      {
        maxOutputBytes: 100_000,
      },
    );
    const error = await failure(provider.generate(request('x')));
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE', details: { maxOutputBytes: 100_000 } });
  });

  test('streams what is written while the program runs', async () => {
    const provider = await script(`
      process.stdout.write('first');
      process.stdin.once('data', () => {});
      process.on('SIGTERM', () => process.exit(0));
      setInterval(() => {}, 1000);`);
    for await (const event of (provider.stream as NonNullable<Provider['stream']>)(request('x'))) {
      expect(event).toEqual({ type: 'text-delta', text: 'first' });
      break;
    }
  });

  test('ends a stream with finish', async () => {
    const provider = await script(ECHO_STDIN);
    const events = [];
    for await (const event of (provider.stream as NonNullable<Provider['stream']>)(request('hello')))
      events.push(event);
    expect(events).toEqual([
      { type: 'text-delta', text: 'hello' },
      { type: 'finish', finishReason: 'stop' },
    ]);
  });

  test('writes no faster than the stream is read', async () => {
    const progress = join(folder, 'progress.txt');
    const provider = await script(`
      import { writeFileSync } from 'node:fs';
      const block = 'x'.repeat(65536);
      for (let i = 1; i <= 400; i++) {
        if (!process.stdout.write(block)) await new Promise((resolve) => process.stdout.once('drain', resolve));
        writeFileSync(${JSON.stringify(progress)}, String(i));
      }`);
    const stream = (provider.stream as NonNullable<Provider['stream']>)(request('x'));
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    let before = -1;
    // It stands still once the pipe and our buffer are full.
    await until(async () => {
      const now = Number(await readFile(progress, 'utf8').catch(() => '0'));
      const stands = now === before && now > 0;
      before = now;
      if (!stands) await new Promise((resolve) => setTimeout(resolve, 200));
      return stands;
    });
    expect(before).toBeLessThan(40);
    await iterator.return?.();
  });
});

describe('command, failures', () => {
  test('has the exit code and the end of standard error in the error', async () => {
    const provider = await script(`
      process.stderr.write('start ' + 'x'.repeat(10_000) + '\\nthe disk is on fire\\n');
      process.exitCode = 3;`);
    const error = await failure(provider.generate(request('x')));
    expect(error).toMatchObject({
      code: 'TUTTI_PROVIDER_RESPONSE',
      provider: 'command',
      retryable: false,
      details: { exitCode: 3, signal: null },
    });
    expect(error.message).toMatch(/exit code 3[\s\S]*the disk is on fire$/);
    expect(error.message).not.toContain('start');
    expect((error.message as string).length).toBeLessThan(5_000);
  });

  test('says so when a program fails in silence', async () => {
    const provider = await script('process.exitCode = 1;');
    const error = await failure(provider.generate(request('x')));
    expect(error.message).toContain('wrote nothing to standard error');
  });

  test('names the signal that ended a program', async () => {
    const provider = await script('process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000);');
    const error = await failure(provider.generate(request('x')));
    expect(error).toMatchObject({ details: { exitCode: null, signal: 'SIGKILL' } });
    expect(error.message).toContain('SIGKILL');
  });

  test('says what is not found', async () => {
    const { provider } = command({ file: 'no-such-program-anywhere' });
    const error = await failure((provider as Provider).generate(request('x')));
    expect(error).toMatchObject({
      code: 'TUTTI_PROVIDER_REQUEST',
      retryable: false,
      details: { code: 'ENOENT' },
    });
    expect(error.message).toContain('"no-such-program-anywhere"');
    expect((error.cause as { code: string }).code).toBe('ENOENT');
  });

  test('says when a file may not be executed', async () => {
    const path = join(folder, 'plain.txt');
    await writeFile(path, 'text');
    const error = await failure((command({ file: path }).provider as Provider).generate(request('x')));
    expect(error).toMatchObject({ details: { code: 'EACCES' } });
  });

  test('says when a task is too long for an argument', async () => {
    const provider = await script(SHOW_ARGS, { input: 'argument' });
    const error = await failure(provider.generate(request('x'.repeat(5_000_000))));
    expect(error).toMatchObject({ details: { code: 'E2BIG' } });
    expect(error.message).toContain('stdin');
  });
});

/** Starts a grandchild that ignores being asked to end, says both pids, and waits. */
const WITH_GRANDCHILD = `
  import { spawn } from 'node:child_process';
  const grandchild = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000);']);
  grandchild.stdout.once('data', () => process.stdout.write(JSON.stringify([process.pid, grandchild.pid])));
  setInterval(() => {}, 1000);`;

describe('command, cancellation', () => {
  test('ends the program and the children of its children, and rejects with the reason', async () => {
    const provider = await script(WITH_GRANDCHILD, { killGraceMs: 100 });
    const controller = new AbortController();
    const reason = new Error('enough');
    let pids: number[] = [];
    const run = async () => {
      for await (const event of (provider.stream as NonNullable<Provider['stream']>)(
        request('x', controller.signal),
      )) {
        if (event.type !== 'text-delta') continue;
        pids = JSON.parse(event.text) as number[];
        expect(pids.every(isAlive)).toBe(true);
        controller.abort(reason);
      }
    };
    await expect(run()).rejects.toBe(reason);
    expect(pids).toHaveLength(2);
    for (const pid of pids) await until(async () => !(await isRunning(pid)));
  });

  test('ends the children of a stream that is left', async () => {
    const provider = await script(WITH_GRANDCHILD, { killGraceMs: 50 });
    let pids: number[] = [];
    for await (const event of (provider.stream as NonNullable<Provider['stream']>)(request('x'))) {
      if (event.type === 'text-delta') pids = JSON.parse(event.text) as number[];
      break;
    }
    expect(pids).toHaveLength(2);
    for (const pid of pids) await until(async () => !(await isRunning(pid)));
  });

  test('gives the program its grace time to end well', async () => {
    const farewell = join(folder, 'farewell.txt');
    const provider = await script(
      `
      import { writeFileSync } from 'node:fs';
      process.on('SIGTERM', () => setTimeout(() => { writeFileSync(${JSON.stringify(farewell)}, 'bye'); process.exit(0); }, 50));
      process.stdout.write('up');
      setInterval(() => {}, 1000);`,
      { killGraceMs: 10_000 },
    );
    for await (const _ of (provider.stream as NonNullable<Provider['stream']>)(request('x'))) break;
    expect(await readFile(farewell, 'utf8')).toBe('bye');
  });

  test('starts nothing when it is cancelled already', async () => {
    const marker = join(folder, 'marker.txt');
    const provider = await script(
      `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(marker)}, 'x');`,
    );
    const controller = new AbortController();
    const reason = new Error('too late');
    controller.abort(reason);
    await expect(provider.generate(request('x', controller.signal))).rejects.toBe(reason);
    await expect(readFile(marker)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('does not wait for what a finished program left behind', async () => {
    const provider = await script(
      `
      import { spawn } from 'node:child_process';
      const left = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: ['ignore', 'inherit', 'inherit'] });
      left.unref();
      process.stdout.write(String(left.pid));`,
      { killGraceMs: 50 },
    );
    const { output } = await provider.generate(request('x'));
    await until(async () => !(await isRunning(Number(output))));
  });

  test('leaves no listener behind', async () => {
    const provider = await script(ECHO_STDIN);
    const before = process.listenerCount('exit');
    await provider.generate(request('x'));
    expect(process.listenerCount('exit')).toBe(before);
  });
});

describe('command, environment', () => {
  const SHOW_ENV = 'process.stdout.write(JSON.stringify(process.env));';

  test('gives the program what it needs and nothing secret', async () => {
    process.env.TUTTI_TEST_SECRET = 'hush';
    try {
      const provider = await script(SHOW_ENV, { env: { GREETING: 'hello', HOME: undefined } });
      const env = JSON.parse((await provider.generate(request('x'))).output) as Record<string, string>;
      expect(env).toMatchObject({ PATH: process.env.PATH, GREETING: 'hello' });
      expect(env).not.toHaveProperty('TUTTI_TEST_SECRET');
      expect(env).not.toHaveProperty('HOME');
    } finally {
      delete process.env.TUTTI_TEST_SECRET;
    }
  });

  test('gives everything with inheritEnv: all', async () => {
    process.env.TUTTI_TEST_SECRET = 'hush';
    try {
      const provider = await script(SHOW_ENV, { inheritEnv: 'all' });
      expect((await provider.generate(request('x'))).output).toContain('hush');
    } finally {
      delete process.env.TUTTI_TEST_SECRET;
    }
  });

  test('has a marker of its own behind that of a program it runs in', async () => {
    process.env.TUTTI_CALL = 'outer-7.';
    try {
      const provider = await script('process.stdout.write(process.env.TUTTI_CALL);', {
        env: { TUTTI_CALL: 'x' },
      });
      const [one, two] = [await provider.generate(request('x')), await provider.generate(request('x'))];
      expect(one.output).toMatch(/^outer-7\.[0-9a-f]{16}-\d+\.$/);
      expect(two.output).not.toBe(one.output);
    } finally {
      delete process.env.TUTTI_CALL;
    }
  });

  test('runs in the folder it is given', async () => {
    const provider = await script('process.stdout.write(process.cwd());', { cwd: folder });
    expect((await provider.generate(request('x'))).output).toMatch(/tutti-command-/);
  });
});

describe('command, options', () => {
  test.each([
    [{}, 'file'],
    [{ file: '' }, 'options.file'],
    [{ file: 'a\0b' }, 'options.file'],
    [{ file: 'x', args: ['a', 1] }, 'options.args'],
    [{ file: 'x', args: 'a' }, 'options.args'],
    [{ file: 'x', input: 'file' }, 'options.input'],
    [{ file: 'x', env: { A: 1 } }, 'options.env'],
    [{ file: 'x', env: [] }, 'options.env'],
    [{ file: 'x', inheritEnv: true }, 'options.inheritEnv'],
    [{ file: 'x', cwd: '' }, 'options.cwd'],
    [{ file: 'x', maxOutputBytes: 0 }, 'options.maxOutputBytes'],
    [{ file: 'x', killGraceMs: -1 }, 'options.killGraceMs'],
    [{ file: 'x', arg: [] }, 'options.arg'],
  ])('refuses %j', (options, field) => {
    expect(() => command(options as unknown as CommandOptions)).toThrow(
      expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT', field: expect.stringContaining(field) }),
    );
  });

  test('keeps the settings of the agent and identifies itself by what it runs', () => {
    const definition = command({ file: 'wc', args: ['-w'], name: 'count', timeoutMs: 5_000 });
    expect(definition).toMatchObject({
      name: 'count',
      timeoutMs: 5_000,
      provider: { name: 'command', identity: { file: 'wc', args: ['-w'], input: 'stdin' } },
    });
    expect(definition).not.toHaveProperty('file');
  });
});
