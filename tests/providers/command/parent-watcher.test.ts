import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { startWatcher, stopWatcher, watchGroup } from '../../../src/providers/command/parent-watcher.js';

const CHILDREN = `/proc/${process.pid}/task/${process.pid}/children`;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'latin1') : '');
const watchers = (): number[] =>
  read(CHILDREN)
    .split(' ')
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes('tutti-watcher'))
    .map(Number);
const hasEnded = (pid: number): boolean => !/^State:\s+[^ZX]/m.test(read(`/proc/${pid}/status`));

afterEach(stopWatcher);

(existsSync(CHILDREN) ? describe : describe.skip)('the watcher of programs', () => {
  test('is one shell for all of them', () => {
    startWatcher();
    startWatcher();
    expect(watchers()).toHaveLength(1);
  });

  test('may be killed by others: what it is told then breaks nothing, and the next program has a new one', async () => {
    startWatcher();
    const [killed] = watchers() as [number];
    process.kill(killed, 'SIGKILL');
    // Without a turn of the event loop, so that its end is not known yet.
    while (!hasEnded(killed));
    watchGroup(2 ** 31 - 1);
    while (existsSync(`/proc/${killed}`)) await turn();
    await turn();
    startWatcher();
    expect(watchers()).toHaveLength(1);
  });
});
