import { join } from 'node:path';

/**
 * A path in the package that build-once.mjs made of the sources for this run: its `dist`, its `examples`, and in `parts`
 * single files of `src` for processes that use what the package does not export.
 */
export function inBuild(...path: string[]): string {
  return join(process.env.TUTTI_TEST_BUILD as string, ...path);
}
