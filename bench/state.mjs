// npm run bench:state: how long a change of a state takes, and how soon an edit by others is the state.
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { StateManager } from '../dist/state/index.js';
import { check, median, missed } from './cache-measure.mjs';

const EDITS = 60;
const folder = await mkdtemp(join(tmpdir(), 'tutti-bench-state-'));
const path = join(folder, 'state.json');
const schema = z.record(z.string(), z.number());
// A watched state keeps no process running.
const keep = setInterval(() => {}, 1_000);
console.log(`${cpus()[0].model}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);

const timeMs = async (work) => {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
};

/** The slowest of several edits, in milliseconds from the edit to the change of the state. */
async function slowestEditMs(options, write) {
  const state = new StateManager({ path, schema, default: {}, ...options });
  await state.start();
  const times = [];
  for (let edit = 1; edit <= EDITS; edit += 1) {
    const changed = new Promise((resolve) => {
      const end = state.on('change', () => {
        end();
        resolve();
      });
    });
    times.push(await timeMs(() => Promise.all([write(JSON.stringify({ edit })), changed])));
  }
  await state.close();
  await rm(path);
  return Math.max(...times);
}

const inPlace = (text) => writeFile(path, text);
const byRename = async (text) => {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
};

check('an edit in place is seen after', await slowestEditMs({}, inPlace), 1_000, 'ms');
check('an edit by a rename is seen after', await slowestEditMs({}, byRename), 1_000, 'ms');

const state = new StateManager({ path, schema, default: {} });
await state.start();
const single = [];
for (let index = 0; index < 100; index += 1) {
  single.push(await timeMs(() => state.update({ index })));
}
const updates = Array.from({ length: 100 }, (_, index) => ({ [`key-${index}`]: index }));
const together = await timeMs(() => Promise.all(updates.map((patch) => state.update(patch))));
const kept = Object.keys(JSON.parse(await readFile(path, 'utf8'))).length;
const reads = 1_000_000;
const reading = await timeMs(() => {
  for (let index = 0; index < reads; index += 1) state.get();
});
console.log(`  one update, median: ${median(single).toFixed(2)} ms`);
console.log(`  100 updates at once: ${together.toFixed(1)} ms, ${kept - 1} keys kept`);
console.log(`  get(): ${((reading * 1e6) / reads).toFixed(0)} ns`);
await state.close();
await rm(folder, { recursive: true });
clearInterval(keep);
process.exitCode = missed() === 0 ? 0 : 1;
