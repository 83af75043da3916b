import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { startError } from '../../../src/providers/command/command-errors.js';
import { killProgramNow, type StartedProgram } from '../../../src/providers/command/end-program.js';
import { createMarker } from '../../../src/providers/command/program-marker.js';
import { forgetRunning, noteRunning } from '../../../src/providers/command/running-programs.js';
import { TextTail } from '../../../src/providers/command/text-tail.js';

const started = (child: ChildProcess): StartedProgram => ({
  child,
  marker: createMarker(),
  startedAtMs: 0,
});
const endless = (): StartedProgram =>
  started(spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true }));

describe('noteRunning', () => {
  test('kills what still runs when the process ends, with one listener for all', async () => {
    const before = process.listenerCount('exit');
    const [one, two] = [endless(), endless()];
    const ended = Promise.all([once(one.child, 'exit'), once(two.child, 'exit')]);
    noteRunning(one);
    noteRunning(two);
    expect(process.listenerCount('exit')).toBe(before + 1);
    (process.listeners('exit').at(-1) as (code: number) => void)(0);
    expect(await ended).toEqual([
      [null, 'SIGKILL'],
      [null, 'SIGKILL'],
    ]);
    forgetRunning(one);
    forgetRunning(two);
    forgetRunning(two);
    expect(process.listenerCount('exit')).toBe(before);
  });
});

describe('killProgramNow', () => {
  test('does nothing to a program that never started or has ended', async () => {
    const missing = spawn('no-such-program-anywhere');
    await once(missing, 'error');
    killProgramNow(started(missing));
    const ended = spawn(process.execPath, ['-e', ''], { detached: true });
    await once(ended, 'exit');
    killProgramNow(started(ended));
  });
});

describe('startError', () => {
  test('is transient when the system lacks processes', () => {
    const error = startError('x', Object.assign(new Error(), { code: 'EAGAIN' }));
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_OVERLOADED', retryable: true });
  });

  test('says something about anything', () => {
    expect(startError('x', null)).toMatchObject({ code: 'TUTTI_PROVIDER_REQUEST', retryable: false });
  });
});

describe('TextTail', () => {
  test('keeps the last bytes and forgets the rest', () => {
    const tail = new TextTail(5);
    for (const text of ['abc', 'def', 'ghi', 'j']) tail.add(Buffer.from(text));
    expect(tail.text()).toBe('fghij');
    tail.add(Buffer.from('0123456789'));
    expect(tail.text()).toBe('56789');
  });

  test('replaces a character that it has cut in two', () => {
    const tail = new TextTail(4);
    tail.add(Buffer.from('€€'));
    expect(tail.text()).toBe('\uFFFD€');
  });
});
