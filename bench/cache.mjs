// npm run bench:cache: what a cached call costs, beside other caches in the same run.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchDisk } from './cache-disk.mjs';
import { benchEviction } from './cache-eviction.mjs';
import { missed } from './cache-measure.mjs';
import { benchMemory } from './cache-memory.mjs';
import { benchTraces } from './cache-traces.mjs';

const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-'));
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`);
const wanted = process.argv.slice(2);
const parts = { memory: benchMemory, disk: benchDisk, eviction: benchEviction, traces: benchTraces };
try {
  for (const [name, run] of Object.entries(parts)) {
    if (wanted.length === 0 || wanted.includes(name)) await run(folder);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(missed() === 0 ? '\nEverything promised was met.' : `\n${missed()} promises were missed.`);
