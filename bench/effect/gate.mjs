// The ratios that must not get worse from change to change, beside those that were recorded. Ratios of one run carry over
// to other machines, microseconds do not.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { measure } from '../child.mjs';
import { median } from '../statistics.mjs';

const BASELINE = fileURLToPath(new URL('./baseline.json', import.meta.url));
/** How much worse a ratio may be. */
const TOLERANCE = 1.2;
/** Each in its own process. A busy moment of the machine is no change of the code, so the best of them counts. */
const PROCESSES = 5;

export async function benchGate(report, _folder, { record }) {
  report.section('Against the recorded baseline, best of 5 processes');
  const runs = [];
  for (let count = 0; count < PROCESSES; count += 1) runs.push(await measure('effect/gate-ratios.mjs', {}));
  const names = Object.keys(runs[0]);
  const of = (pick) => Object.fromEntries(names.map((name) => [name, pick(runs.map((run) => run[name]))]));
  if (record) writeFileSync(BASELINE, `${JSON.stringify(of(median), null, 2)}\n`);
  const recorded = existsSync(BASELINE) ? JSON.parse(readFileSync(BASELINE, 'utf8')) : {};
  for (const [name, ratio] of Object.entries(of((ratios) => Math.min(...ratios)))) {
    report.figure(name, ratio, 'x');
    report.atMost(`${name}, to its baseline`, ratio / (recorded[name] ?? ratio), TOLERANCE, 'x');
  }
}
