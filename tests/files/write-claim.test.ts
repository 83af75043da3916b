import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { WriteClaim } from '../../src/files/write-claim.js';
import { systemClock } from '../../src/time/clock.js';
import { rejection } from '../behaviour/scripted-agents.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-claim-'));
  path = join(folder, 'file.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const take = async (): Promise<WriteClaim> =>
  (await WriteClaim.take(path, systemClock, () => true)) as WriteClaim;

/** The name of the file that a claim puts beside the path. */
async function nameOfClaim(): Promise<string> {
  const claim = await take();
  const [name = ''] = await readdir(`${path}.lock`);
  await claim.release();
  return name;
}

async function leaveClaim(name: string, ageMs = 0): Promise<void> {
  await mkdir(`${path}.lock`, { recursive: true });
  const file = join(`${path}.lock`, name);
  await writeFile(file, '');
  const madeAt = new Date(Date.now() - ageMs);
  await utimes(file, madeAt, madeAt);
}

describe('WriteClaim', () => {
  test('is held by one at a time, and each gets its turn', async () => {
    let holders = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      const claim = await take();
      holders += 1;
      most = Math.max(most, holders);
      await new Promise((resolve) => setTimeout(resolve, 1));
      holders -= 1;
      await claim.release();
    };
    await Promise.all(Array.from({ length: 12 }, work));
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  test('is not waited for when it is no longer wanted', async () => {
    const claim = await take();
    let asked = 0;
    const given = await WriteClaim.take(path, systemClock, () => {
      asked += 1;
      return asked < 3;
    });
    expect(given).toBeUndefined();
    expect(await readdir(`${path}.lock`)).toHaveLength(1);
    await claim.release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('of a process that has ended is removed', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    await leaveClaim((await nameOfClaim()).replace(/^\d+/, String(pid)));
    await (await take()).release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('of a process of another machine counts until it is too old to be in use', async () => {
    await leaveClaim('1-another_machine-abc');
    let tries = 0;
    const given = await WriteClaim.take(path, systemClock, () => {
      tries += 1;
      return tries < 4;
    });
    expect(given).toBeUndefined();
    await leaveClaim('1-another_machine-abc', 31_000);
    const claim = await take();
    expect(await readdir(`${path}.lock`)).toHaveLength(1);
    await claim.release();
  });

  test('is not relied on after a long time, or when it was removed', async () => {
    let nowMs = 0;
    const clock = { ...systemClock, now: () => nowMs };
    const claim = (await WriteClaim.take(path, clock, () => true)) as WriteClaim;
    expect(await claim.isReliable()).toBe(true);
    nowMs = 20_001;
    expect(await claim.isReliable()).toBe(false);
    nowMs = 0;
    await rm(`${path}.lock`, { recursive: true });
    expect(await claim.isReliable()).toBe(false);
    await claim.release();
  });

  test('fails where nothing can be created', async () => {
    await writeFile(path, '');
    path = join(path, 'below-a-file');
    expect(await rejection(take())).toMatchObject({ code: expect.stringMatching(/ENOTDIR|EEXIST/) });
  });
});
