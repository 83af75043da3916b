// npm run bench:types: what the types cost the compiler in a program of a user with 50 agents.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './statistics.mjs';
import { table } from './table.mjs';
import { agentsOnly, agentsUsed } from './types/fifty-agents.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const ROUNDS = 7;
const BAR_MS = 200;

const folder = mkdtempSync(join(tmpdir(), 'tutti-types-'));
try {
  install();
  const times = { alone: [], used: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.alone.push(checkMs('alone.mts', agentsOnly));
    times.used.push(checkMs('used.mts', agentsUsed));
  }
  const aloneMs = median(times.alone);
  const costMs = median(times.used) - aloneMs;
  const rows = [
    ['the agents alone', `${aloneMs.toFixed(0)} ms`, ''],
    ['every way to call them', `+ ${costMs.toFixed(0)} ms`, `< ${BAR_MS} ms`],
  ];
  console.log(table(['time to check, TypeScript 6', 'median', 'bar'], rows));
  if (process.argv.includes('--check') && costMs >= BAR_MS) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The built package as a user has it, beside the types of Node.js and of zod. */
function install() {
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(ROOT, join(folder, 'node_modules/tutti'));
  for (const name of ['zod', '@types/node', 'undici-types'])
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
}

function checkMs(name, text) {
  writeFileSync(join(folder, name), text);
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const options = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022', '--types', 'node'];
  const args = [compiler, ...options, '--module', 'nodenext', '--extendedDiagnostics', name];
  const lines = execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }).split('\n');
  return 1_000 * Number.parseFloat(lines.find((line) => line.startsWith('Check time:')).split(':')[1]);
}
