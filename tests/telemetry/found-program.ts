import { spawnSync } from 'node:child_process';
import { test } from '@jest/globals';

/**
 * `test` where the program is installed, else a skipped test and a line that says so. Under CI the test runs in any case,
 * and fails without the program.
 */
export function testWith(program: string): typeof test | typeof test.skip {
  if (process.env.CI === 'true') return test;
  const { error } = spawnSync(program, ['--version'], { stdio: 'ignore' });
  if (error === undefined) return test;
  process.stderr.write(`SKIPPED: ${program} is not installed, so tests that need it do not run.\n`);
  return test.skip;
}
