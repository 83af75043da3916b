import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import * as z from 'zod';
import { StateManager, type StateManagerOptions } from '../../src/state/index.js';

export const counts = z.record(z.string(), z.number());
export type Counts = z.infer<typeof counts>;

interface Place {
  readonly folder: string;
  readonly path: string;
  /** A manager of the file at the path, closed after the test. */
  manager(options?: Partial<StateManagerOptions<Counts>>): StateManager<Counts>;
}

/** A folder of its own for each test. */
export function temporaryState(): Place {
  let folder = '';
  let managers: Array<StateManager<Counts>> = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tutti-state-'));
  });
  afterEach(async () => {
    await Promise.all(managers.map((manager) => manager.close()));
    managers = [];
    await rm(folder, { recursive: true, force: true });
  });
  return {
    get folder() {
      return folder;
    },
    get path() {
      return join(folder, 'state.json');
    },
    manager(options = {}) {
      const manager = new StateManager({
        path: join(folder, 'state.json'),
        schema: counts,
        default: { runs: 0 },
        watch: false,
        ...options,
      });
      managers.push(manager);
      return manager;
    },
  };
}

/** Waits until a condition holds. */
export async function until(holds: () => boolean, limitMs = 10_000): Promise<void> {
  const endAt = Date.now() + limitMs;
  while (!holds()) {
    if (Date.now() > endAt) throw new Error('it did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
