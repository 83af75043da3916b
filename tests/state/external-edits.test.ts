import {
  appendFile,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import type { StateChange, StateFileError, StateManager } from '../../src/state/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { type Counts, temporaryState, until } from './temporary-state.js';

const place = temporaryState();

/** Long enough that no check by time finds a change before the system has reported it. */
const NEVER_MS = 3_600_000;

const text = (runs: number): string => JSON.stringify({ runs });

interface Recorded {
  readonly state: StateManager<Counts>;
  readonly changes: Array<StateChange<Counts>>;
  readonly errors: StateFileError[];
  /** Waits until the state has this count. */
  sees(runs: number): Promise<void>;
}

async function recorded(pollMs = NEVER_MS, path = place.path): Promise<Recorded> {
  const state = place.manager({ watch: true, pollMs, path });
  const changes: Array<StateChange<Counts>> = [];
  const errors: StateFileError[] = [];
  state.on('change', (change) => changes.push(change));
  state.on('error', (error) => errors.push(error));
  await state.start();
  return { state, changes, errors, sees: (runs) => until(() => state.get().runs === runs) };
}

/** The ways in which editors and programs write a file. */
const WAYS: ReadonlyArray<readonly [string, (path: string, content: string) => Promise<void>]> = [
  ['in place', (path, content) => writeFile(path, content)],
  [
    'in place in two steps, cut first',
    async (path, content) => {
      await truncate(path);
      await new Promise((resolve) => setTimeout(resolve, 60));
      await appendFile(path, content.slice(0, 4));
      await appendFile(path, content.slice(4));
    },
  ],
  [
    'by a rename over it',
    async (path, content) => {
      await writeFile(`${path}.tmp`, content);
      await rename(`${path}.tmp`, path);
    },
  ],
  [
    'as vim does: the old one is renamed, a new one made, the old one removed',
    async (path, content) => {
      await rename(path, `${path}~`);
      await writeFile(path, content);
      await unlink(`${path}~`);
    },
  ],
  [
    'by removing it and making it again later',
    async (path, content) => {
      await unlink(path);
      await new Promise((resolve) => setTimeout(resolve, 60));
      await writeFile(path, content);
    },
  ],
];

describe('an edit of the file by others', () => {
  test.each(WAYS)('%s is one change, reported by the system', async (_way, write) => {
    const { sees, changes, errors } = await recorded();
    for (const runs of [1, 2, 3]) {
      await write(place.path, text(runs));
      await sees(runs);
    }
    expect(changes.map(({ state, source }) => [state.runs, source])).toEqual([
      [1, 'file'],
      [2, 'file'],
      [3, 'file'],
    ]);
    expect(errors).toEqual([]);
  });

  test('of the same length, right after an own write, is seen', async () => {
    const { state, sees } = await recorded();
    for (let round = 0; round < 10; round += 1) {
      await state.set({ runs: 1 });
      const handle = await open(place.path, 'r+');
      await handle.write('2', (await readFile(place.path, 'utf8')).indexOf('1'));
      await handle.close();
      await sees(2);
    }
  });

  test('that changes no value is no change', async () => {
    const { changes, state } = await recorded(20);
    await writeFile(place.path, '{\n\n"runs":0 }');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await state.reload()).toEqual({ runs: 0 });
    expect(changes).toEqual([]);
  });

  test('that breaks it is reported once, and the state stays until it is repaired', async () => {
    const { state, sees, changes, errors } = await recorded(20);
    // In one step: a file in the middle of being written is broken, too.
    const replace = async (path: string, content: string): Promise<void> => {
      await writeFile(`${path}.new`, content);
      await rename(`${path}.new`, path);
    };
    await replace(place.path, '{ "runs": 1');
    await until(() => errors.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(errors).toMatchObject([{ problem: 'not-json', line: 1 }]);
    await replace(place.path, '{ "runs": "many" }');
    await until(() => errors.length > 1);
    expect(errors[1]).toMatchObject({ problem: 'invalid', line: 1, field: 'runs' });
    expect(state.get()).toEqual({ runs: 0 });
    await replace(place.path, text(4));
    await sees(4);
    await replace(place.path, '{ "runs": 1');
    await until(() => errors.length > 2);
    expect([errors.length, changes.length]).toEqual([3, 1]);
  });

  test('that removes it is reported, and its return is seen', async () => {
    const { sees, errors, state } = await recorded();
    await unlink(place.path);
    await until(() => errors.length > 0);
    expect(errors).toMatchObject([{ problem: 'missing' }]);
    expect(state.get()).toEqual({ runs: 0 });
    await writeFile(place.path, text(5));
    await sees(5);
  });

  test('is seen when its folder was removed and is back', async () => {
    const path = join(place.folder, 'inner', 'state.json');
    const { sees } = await recorded(50, path);
    for (const runs of [1, 2]) {
      await rm(dirname(path), { recursive: true });
      await new Promise((resolve) => setTimeout(resolve, 120));
      await mkdir(dirname(path));
      await writeFile(path, text(runs));
      await sees(runs);
    }
  });

  test('is seen behind a symbolic link, in the folder of the file and when the link is changed', async () => {
    const [one, two] = [join(place.folder, 'one', 'real.json'), join(place.folder, 'two', 'real.json')];
    for (const path of [one, two]) await mkdir(dirname(path));
    await writeFile(one, text(1));
    await writeFile(two, text(2));
    await symlink(one, place.path);
    const { sees } = await recorded();
    await sees(1);
    await writeFile(one, text(3));
    await sees(3);
    await symlink(two, `${place.path}.new`);
    await rename(`${place.path}.new`, place.path);
    await sees(2);
    await writeFile(two, text(4));
    await sees(4);
  });

  test('is seen though other files in the folder change all the time', async () => {
    const { sees } = await recorded();
    const busy = setInterval(() => void writeFile(join(place.folder, 'other'), String(Math.random())), 10);
    await writeFile(place.path, text(6));
    await sees(6);
    clearInterval(busy);
  });

  test('and updates at the same time lose nothing', async () => {
    const { state } = await recorded(20);
    await state.set({ runs: 0, file: 0 });
    for (let round = 1; round <= 20; round += 1) {
      const updating = state.update((now) => ({ ...now, runs: (now.runs ?? 0) + 1 }));
      if (round % 5 === 0) {
        await updating;
        const now = JSON.parse(await readFile(place.path, 'utf8')) as Counts;
        await writeFile(place.path, JSON.stringify({ ...now, file: round }));
      }
      await updating;
    }
    expect(await state.reload()).toEqual({ runs: 20, file: 20 });
  });

  test('is not looked for after close(): no timer is left', async () => {
    const clock = new FakeClock();
    const state = place.manager({ watch: true, clock });
    await state.start();
    expect(clock.pendingTimers).toBe(1);
    await state.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('is reported to the logger, else as a warning of the process, where no listener is', async () => {
    const warn = jest.fn();
    const logger = { debug: () => {}, info: () => {}, warn, error: () => {} };
    const emitted = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const logged = place.manager({ watch: true, pollMs: 20, logger });
    const silent = place.manager({ watch: true, pollMs: 20 });
    await Promise.all([logged.start(), silent.start()]);
    await writeFile(place.path, 'broken');
    await until(() => warn.mock.calls.length > 0 && emitted.mock.calls.length > 0);
    expect(warn.mock.calls[0]?.[1]).toContain(`${place.path}:1: expected JSON`);
    expect(emitted.mock.calls[0]?.[0]).toContain(`${place.path}:1: expected JSON`);
    emitted.mockRestore();
  });
});
