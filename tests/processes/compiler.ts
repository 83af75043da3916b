import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// TypeScript 7 compiles what 6 does, in a seventh of the time. It is called by its path, since both are named `tsc`.
const COMPILER = fileURLToPath(new URL('../../node_modules/typescript-7/bin/tsc', import.meta.url));

/** The one that this repository is compiled with: it still knows the older ways to resolve modules. */
const COMPILER_6 = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));

/** What TypeScript 6 says in this folder, errors and figures alike, line by line. */
export function outputOfTypeScript6(folder: string, ...args: string[]): Promise<string[]> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [COMPILER_6, '--pretty', 'false', ...args],
      { cwd: folder },
      (_error, stdout) => {
        resolve(stdout.split('\n').filter((line) => line !== ''));
      },
    );
  });
}

/** Runs the TypeScript compiler in this folder. Gives what it found, line by line; nothing when all is well. */
export function findingsOfCompiler(folder: string, ...args: string[]): Promise<string[]> {
  // One thread: a second would take its time from the tests beside it.
  const all = [COMPILER, '--singleThreaded', '--pretty', 'false', ...args];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, all, { cwd: folder }, (error, stdout, stderr) => {
      const findings = stdout.split('\n').filter((line) => line !== '');
      if (error !== null && findings.length === 0) reject(new Error(stderr, { cause: error }));
      else resolve(findings);
    });
  });
}
