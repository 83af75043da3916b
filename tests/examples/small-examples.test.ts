import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { links, readDocument } from '../docs/markdown.js';
import { inBuild } from '../processes/current-build.js';

const run = promisify(execFile);
const names = readdirSync('examples').filter((name) => name.endsWith('.mjs'));

/** Runs a script as a user does who has no key and nothing configured. */
function runScript(path: string): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, [path], { cwd: inBuild(), env: { PATH: process.env.PATH } });
}

describe('the short examples', () => {
  test('show caching, streaming, fallbacks, resuming and a guarded client', () => {
    expect(names.sort()).toEqual([
      'cache.mjs',
      'fallback.mjs',
      'guarded-client.mjs',
      'resume.mjs',
      'stream.mjs',
    ]);
  });

  test.each(names)('%s passes its own checks without a key and prints what it did', async (name) => {
    const { stdout, stderr } = await runScript(inBuild('examples', name));
    expect(stderr).toBe('');
    expect(stdout.trim()).not.toBe('');
  });

  test.each(names)('%s checks its result, and is short', (name) => {
    const code = readFileSync(join('examples', name), 'utf8');
    expect(code).toMatch(/^assert\./m);
    expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(35);
  });

  test('are listed in the README of the examples', () => {
    const listed = links(readDocument('examples/README.md')).filter((target) =>
      /^[a-z-]+\.mjs$/.test(target),
    );
    expect([...new Set(listed)].sort()).toEqual(names.sort());
  });
});
