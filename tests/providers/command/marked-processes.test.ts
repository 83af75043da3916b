import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { isGroupRunning } from '../../../src/providers/command/marked-processes.js';

const onLinux = existsSync('/proc/self/stat') ? describe : describe.skip;

onLinux('isGroupRunning', () => {
  test('says so while a member runs, and no longer once all have ended', async () => {
    const program = spawn('sleep', ['60'], { detached: true });
    const group = program.pid as number;
    await once(program, 'spawn');
    expect(isGroupRunning(group)).toBe(true);
    const ended = once(program, 'exit');
    program.kill('SIGKILL');
    await ended;
    expect(isGroupRunning(group)).toBe(false);
  });

  test('does not count a member that has ended and was not collected', async () => {
    // The inner shell leads a group of its own and ends; `sleep`, which takes the place of its parent, never collects it.
    const script = "setsid sh -c 'echo $$' & exec sleep 60";
    const program = spawn('sh', ['-c', script], { detached: true });
    const [printed] = (await once(program.stdout, 'data')) as [Buffer];
    const group = Number(printed.toString());
    while (isGroupRunning(group)) await new Promise<void>((resolve) => setImmediate(resolve));
    expect(process.kill(group, 0)).toBe(true);
    program.kill('SIGKILL');
  });
});
