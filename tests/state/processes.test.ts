import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { StateManager } from '../../src/state/index.js';
import { inBuild } from '../processes/current-build.js';
import { temporaryState, until } from './temporary-state.js';

const place = temporaryState();

/** How often a process is killed; more by hand. */
const KILLS = Number(process.env.TUTTI_STATE_KILLS ?? 8);

interface Child {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<unknown>;
}

function startChild(key: string, work: string): Child {
  const script = resolve('tests/processes/state-child.mjs');
  const child = spawn(process.execPath, [script, inBuild('dist'), place.path, key, work], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (data) => {
    output += String(data);
  });
  return { process: child, output: () => output, ended: once(child, 'close') };
}

interface Written {
  readonly count: number;
  readonly filler: string;
  readonly [key: string]: unknown;
}

const written = async (): Promise<Written> => JSON.parse(await readFile(place.path, 'utf8')) as Written;

describe('the state of several processes', () => {
  test('keeps the updates of all of them', async () => {
    const children = ['one', 'two', 'three'].map((key) => startChild(key, '30'));
    await Promise.all(children.map(({ ended }) => ended));
    expect(await written()).toMatchObject({ count: 90, one: 30, two: 30, three: 30 });
    expect(await readdir(place.folder)).toEqual(['state.json']);
  });

  test(
    'is the old one or the new one whenever a process is killed, and the next one goes on at once',
    async () => {
      for (let kill = 0; kill < KILLS; kill += 1) {
        const child = startChild('own', '0');
        await until(() => child.output() !== '');
        await new Promise((done) => setTimeout(done, Math.random() * 60));
        child.process.kill('SIGKILL');
        await child.ended;
        const { count, filler } = await written();
        expect(filler).toBe(String(count).repeat(20_000));
        // Everything that was confirmed is there; one more may have been written when it was killed.
        const confirmed = Number(child.output().trim().split('\n').at(-1));
        expect([confirmed, confirmed + 1]).toContain(count);
      }
      const last = startChild('last', '1');
      await last.ended;
      expect(await written()).toMatchObject({ last: 1 });
      expect(await readdir(place.folder)).toEqual(['state.json']);
    },
    30_000 + KILLS * 1_000,
  );
});

describe('a process', () => {
  test('has no watcher and nothing else left after close()', async () => {
    const child = startChild('own', 'handles');
    await child.ended;
    expect(JSON.parse(child.output())).toEqual({ watched: 1, left: 0, resources: [] });
  });

  test('ends by itself though its state is watched', async () => {
    const child = startChild('own', 'open');
    await child.ended;
    expect(child.process.exitCode).toBe(0);
  });

  test('sees what another one writes', async () => {
    const schema = z.looseObject({ count: z.number() });
    await using state = new StateManager({
      path: place.path,
      schema,
      default: { count: 0, filler: '' },
      pollMs: 3_600_000,
    });
    await state.start();
    const child = startChild('own', '3');
    await until(() => state.get().count === 3);
    await child.ended;
  });
});
