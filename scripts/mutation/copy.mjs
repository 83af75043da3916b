// A copy of the repository to change sources in, and Jest in that copy.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const JEST_PARTS = fileURLToPath(new URL('jest/', import.meta.url));
const BY_NODE = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];

/** What git knows and what is new, so that an uncommitted test counts. */
export function copyRepository(root, folder) {
  rmSync(folder, { recursive: true, force: true });
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
  });
  for (const name of listed.split('\0').filter((name) => name !== '' && name !== 'node_modules')) {
    // A file that is deleted but not committed is still listed.
    if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name));
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
}

/** A part of Jest by the name of its file, as Jest's configuration names it. */
export function jestPart(name) {
  return join(JEST_PARTS, `${name}.mjs`);
}

/**
 * Runs Jest in a copy with a temporary folder of its own, and ends everything that it started.
 *
 * @param {string} folder The copy.
 * @param {object} run
 * @param {object} run.config What differs from the project's configuration.
 * @param {string[]} run.args
 * @param {number} [run.timeoutMs] Default: none.
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string, timedOut: boolean }>}
 */
export async function runJest(folder, { config, args, timeoutMs }) {
  const temporary = join(folder, '..', 'temporary');
  unmountBelow(temporary);
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary);
  const { default: project } = await import(join(folder, 'jest.config.mjs'));
  const whole = { ...project, rootDir: folder, cacheDirectory: join(folder, '..', 'jest-cache'), ...config };
  const jest = spawn(
    process.execPath,
    [...BY_NODE, 'node_modules/jest/bin/jest.js', '--config', JSON.stringify(whole), ...args],
    { cwd: folder, env: { ...process.env, TMPDIR: temporary }, detached: true },
  );
  const result = await outcomeOf(jest, timeoutMs);
  endGroup(jest.pid);
  return result;
}

function outcomeOf(jest, timeoutMs) {
  const result = { code: null, stdout: '', stderr: '', timedOut: false };
  jest.stdout.on('data', (data) => {
    result.stdout += data;
  });
  jest.stderr.on('data', (data) => {
    result.stderr += data;
  });
  const timer =
    timeoutMs &&
    setTimeout(() => {
      result.timedOut = true;
      endGroup(jest.pid);
    }, timeoutMs);
  return new Promise((resolve, reject) => {
    jest.on('error', reject);
    // Not 'close': a program that a test left behind may hold the output open.
    jest.on('exit', (code) => {
      clearTimeout(timer);
      setImmediate(() => resolve({ ...result, code }));
    });
  });
}

/** File systems that a test mounted and that its early end left behind; on Linux, where tests mount some. */
function unmountBelow(folder) {
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8').split('\n') : [];
  for (const mount of mounts.map((line) => line.split(' ')[1])) {
    if (mount?.startsWith(`${folder}/`)) execFileSync('umount', [mount]);
  }
}

/** Jest leads a process group, so programs that its tests left behind end with it. */
function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
