import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DirectoryWatcher } from '../../src/files/directory-watcher.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-watch-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Moves time on until a condition holds: the system's reports come when they come. */
async function advanceUntil(clock: FakeClock, holds: () => boolean, limitMs = 10_000): Promise<void> {
  const endAt = Date.now() + limitMs;
  while (!holds()) {
    if (Date.now() > endAt) throw new Error('it did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 5));
    await clock.advance(50);
  }
}

describe('DirectoryWatcher', () => {
  test('polls when a folder cannot be watched', async () => {
    const clock = new FakeClock();
    let calls = 0;
    const watcher = new DirectoryWatcher(async () => void calls++, { poll: false, clock });
    watcher.follow([join(folder, 'nowhere')]);
    await clock.advance(50);
    expect(calls).toBe(1);
    await clock.advance(3_000);
    expect(calls).toBe(4);
    watcher.follow([folder]);
    await watcher.close();
    await clock.advance(3_000);
    expect(calls).toBe(4);
    expect(clock.pendingTimers).toBe(0);
  });

  test('takes what changes within 50 ms as one change', async () => {
    const clock = new FakeClock();
    let calls = 0;
    const watcher = new DirectoryWatcher(async () => void calls++, { poll: false, clock });
    watcher.follow([folder]);
    for (const name of ['a', 'b', 'c']) await writeFile(join(folder, name), name);
    while (clock.pendingTimers === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(calls).toBe(0);
    await advanceUntil(clock, () => calls > 0);
    await watcher.close();
  });

  test('looks again when something changes while it looks', async () => {
    const clock = new FakeClock();
    let calls = 0;
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const onChange = () => {
      calls += 1;
      return calls === 1 ? held : Promise.resolve();
    };
    const watcher = new DirectoryWatcher(onChange, { poll: false, clock });
    watcher.follow([folder]);
    await writeFile(join(folder, 'a'), '1');
    await advanceUntil(clock, () => calls === 1);
    await writeFile(join(folder, 'a'), '2');
    // The report of the second write has to come while the first look is held up.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(calls).toBe(1);
    release();
    await advanceUntil(clock, () => calls === 2);
    await watcher.close();
  });

  test('leaves folders that it is no longer told to follow', async () => {
    const clock = new FakeClock();
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    await mkdir(one);
    await mkdir(two);
    let calls = 0;
    const watcher = new DirectoryWatcher(async () => void calls++, { poll: false, clock });
    watcher.follow([one, two]);
    watcher.follow([two]);
    await writeFile(join(two, 'a'), '1');
    await advanceUntil(clock, () => calls > 0);
    await watcher.close();
    await watcher.close();
  });

  test('looks once more into a folder that it has just begun to watch', async () => {
    const clock = new FakeClock();
    let calls = 0;
    const watcher = new DirectoryWatcher(async () => void calls++, { poll: false, clock });
    watcher.follow([folder]);
    await clock.advance(50);
    expect(calls).toBe(1);
    watcher.follow([folder]);
    await clock.advance(200);
    expect(calls).toBe(1);
    await watcher.close();
  });
});
