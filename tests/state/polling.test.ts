import * as fs from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { counts, temporaryState, until } from './temporary-state.js';

jest.unstable_mockModule('node:fs', () => ({
  ...fs,
  default: fs,
  watch: () => {
    throw Object.assign(new Error('no watchers are left'), { code: 'ENOSPC' });
  },
}));
const { StateManager } = await import('../../src/state/index.js');
const place = temporaryState();

describe('where nothing can be watched', () => {
  test('the file is checked every pollMs, also for a change that keeps its time', async () => {
    await using state = new StateManager({
      path: place.path,
      schema: counts,
      default: { runs: 0 },
      pollMs: 20,
    });
    await state.start();
    expect(state.watching).toBe(true);
    const { atime, mtime } = fs.statSync(place.path);
    await writeFile(place.path, '{ "runs": 12345 }');
    await utimes(place.path, atime, mtime);
    await until(() => state.get().runs === 12_345);
    await writeFile(place.path, '{ "runs": 2 }');
    await until(() => state.get().runs === 2);
  });
});
