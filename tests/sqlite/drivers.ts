import { describe } from '@jest/globals';
import type { SqliteDriverName } from '../../src/sqlite/driver.js';
import { loadLibrary } from '../../src/sqlite/open-driver.js';

/** Runs the same tests on every driver; says so where one is not there, as nobody reads the list of skipped tests. */
export async function describeDrivers(what: string, body: (driver: SqliteDriverName) => void): Promise<void> {
  for (const driver of ['keyv-sqlite', 'node-sqlite'] as const) {
    const isThere = (await loadLibrary(driver).catch(() => undefined)) !== undefined;
    if (!isThere)
      console.warn(`NOT TESTED: ${what} on ${driver}, which Node ${process.version} does not have here.`);
    (isThere ? describe : describe.skip)(`${what} on ${driver}`, () => body(driver));
  }
}
