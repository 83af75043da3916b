// npm run bench:effect [-- part …] [-- --check] [-- --json FILE] [-- --record]
//
// What cache and orchestrator change for those who use them: times with their percentiles, shares, ratios. --check (as
// npm run test:perf has it) ends with exit code 1 when a bar is missed or a ratio is more than a fifth worse than in
// bench/effect/baseline.json; --record writes that file; --json writes everything that was measured.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchCachedAnswers } from './effect/cached-answers.mjs';
import { benchGate } from './effect/gate.mjs';
import { Report } from './effect/latencies.mjs';
import { benchTiers } from './effect/tiers.mjs';
import { benchUsers } from './effect/users.mjs';

const { values: flags, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: false },
    json: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
});
const parts = { answers: benchCachedAnswers, tiers: benchTiers, users: benchUsers, gate: benchGate };
const unknown = wanted.filter((part) => !(part in parts));
if (unknown.length > 0)
  throw new Error(`Unknown part ${unknown[0]}; known ones: ${Object.keys(parts).join(', ')}.`);

const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;
console.log(machine);
const folder = mkdtempSync(join(tmpdir(), 'tutti-effect-'));
const report = new Report();
try {
  for (const [name, run] of Object.entries(parts)) {
    if (wanted.length === 0 || wanted.includes(name)) await run(report, folder, flags);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const { figures, missed } = report;
if (flags.json !== undefined) {
  const measured = { machine, at: new Date().toISOString(), figures, missed };
  writeFileSync(flags.json, `${JSON.stringify(measured, null, 2)}\n`);
}
console.log(
  missed.length === 0 ? '\nEvery bar holds.' : `\nMissed:\n${missed.map((name) => `- ${name}`).join('\n')}`,
);
if (flags.check && missed.length > 0) process.exitCode = 1;
