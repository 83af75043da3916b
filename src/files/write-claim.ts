import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, readlink, rm, rmdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fieldOf } from '../errors/foreign.js';
import { sha256Hex } from '../hashing/digest.js';
import type { Clock } from '../time/clock.js';

/** A claim that is older belongs to a writer that cannot be seen and has ended, in milliseconds. Writing takes a few. */
const ABANDONED_MS = 30_000;

/** A writer that has held its claim for longer no longer relies on it, in milliseconds. */
const RELIABLE_MS = 20_000;

/** The longest time between two tries to get the claim, in milliseconds. */
const RETRY_MS = 15;

/**
 * The right to replace a file: among all processes of a machine, and all objects in a process, one at a time has it.
 *
 * Every writer puts an empty file of its own into the folder `<path>.lock` and may write if it finds no other's there;
 * if it does, it removes its own and tries again. Of two writers at least the second to look sees the other, so never
 * both of them write. The name says who made the claim, so that one of a killed process is found out at once.
 */
export class WriteClaim {
  readonly #folder: string;
  readonly #file: string;
  readonly #clock: Clock;
  readonly #takenAtMs: number;

  private constructor(folder: string, file: string, clock: Clock) {
    this.#folder = folder;
    this.#file = file;
    this.#clock = clock;
    this.#takenAtMs = clock.now();
  }

  /**
   * Waits for the claim on a path. The folder of the path is created if it does not exist.
   *
   * @param isWanted Asked before every try.
   * @returns `undefined` when it is no longer wanted.
   */
  static async take(path: string, clock: Clock, isWanted: () => boolean): Promise<WriteClaim | undefined> {
    const folder = `${path}.lock`;
    const machine = await machineId();
    const file = join(folder, `${process.pid}-${machine}-${randomBytes(6).toString('hex')}`);
    await mkdir(dirname(path), { recursive: true });
    while (isWanted()) {
      const claim = new WriteClaim(folder, file, clock);
      if (await claim.#isAlone(machine)) return claim;
      await claim.release();
      await new Promise((resolve) => clock.setTimeout(resolve, 1 + Math.random() * RETRY_MS, undefined));
    }
    return undefined;
  }

  /** Puts the claim into the folder and looks for others. */
  async #isAlone(machine: string): Promise<boolean> {
    if (!(await createIn(this.#folder, this.#file))) return false;
    try {
      let isAlone = true;
      for (const name of await readdir(this.#folder)) {
        const file = join(this.#folder, name);
        if (file === this.#file) continue;
        if (await isAbandoned(file, name, machine, this.#clock))
          await rm(file, { recursive: true, force: true });
        else isAlone = false;
      }
      return isAlone;
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  /** Whether no other writer can have taken this claim for abandoned. */
  async isReliable(): Promise<boolean> {
    if (this.#clock.now() - this.#takenAtMs > RELIABLE_MS) return false;
    return (await stat(this.#file).catch(() => undefined)) !== undefined;
  }

  async release(): Promise<void> {
    await rm(this.#file, { force: true });
    // Another writer's claim may be in it.
    await rmdir(this.#folder).catch(() => {});
  }
}

/** Creates the claim; `false` when another writer has just removed the folder. */
async function createIn(folder: string, file: string): Promise<boolean> {
  await unless('EEXIST', mkdir(folder));
  return (
    (await unless(
      'ENOENT',
      open(file, 'wx').then((handle) => handle.close()),
    )) === undefined
  );
}

/** Waits for something; a failure with this code is returned. */
async function unless(code: string, work: Promise<void>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (fieldOf(error, 'code') === code) return error;
    throw error;
  }
}

async function isAbandoned(file: string, name: string, machine: string, clock: Clock): Promise<boolean> {
  const [pid, on] = name.split('-');
  if (on === machine && !isRunning(Number(pid))) return true;
  const made = await stat(file).catch(() => undefined);
  return made === undefined || clock.epochMs() - made.mtimeMs > ABANDONED_MS;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user: it is there, but may not be signalled.
    return fieldOf(error, 'code') !== 'ESRCH';
  }
}

let knownMachine: Promise<string> | undefined;

/** Process ids can be compared where this is the same: one machine since it was started, one container on it. */
function machineId(): Promise<string> {
  knownMachine ??= Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
  ]).then((parts) => sha256Hex([hostname(), ...parts].join('\n')).slice(0, 16));
  return knownMachine;
}
