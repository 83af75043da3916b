import { planTasks } from './input/tasks.mjs';
import { CACHE_FOLDER, createOrchestrator, NOT_CACHED } from './orchestrator.mjs';
import { startProgress } from './output/progress.mjs';
import { Tally } from './output/tally.mjs';

/**
 * Runs every agent over the files and counts what happens. Tasks are read as permits become free, results are taken
 * as they come. When the signal is aborted, what has been counted so far is given back.
 *
 * `cache` says what becomes of answers of an earlier run: `use` takes them, `fresh` computes all anew and keeps the
 * new ones, `off` neither takes nor keeps any.
 */
export async function review({ root, files, concurrency, cache, signal, stream, paint }) {
  const isCached = cache !== 'off';
  const warnings = new Set();
  const logger = warningsTo(warnings);
  const orchestrator = createOrchestrator({ root, maxConcurrent: concurrency, isCached, logger });
  const plan = planTasks(root, files);
  const names = orchestrator.agents.list().map(({ name }) => name);
  const tally = new Tally(names, isCached ? NOT_CACHED : names);
  tally.follow(orchestrator);
  const startedAt = performance.now();
  const progress = startProgress({ stream, paint, orchestrator, tally, plan, startedAt });
  const options = cache === 'fresh' ? { signal, cache: 'refresh' } : { signal };
  try {
    for await (const result of orchestrator.executeEach(plan.tasks(), options)) {
      tally.addResult(result);
      progress.update(result);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    progress.stop();
    await orchestrator.close();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const { attempts } = orchestrator.stats();
  return { plan, tally, seconds, attempts, warnings: [...warnings], cacheFolder: CACHE_FOLDER };
}

/** A logger that keeps what has to be said until the display is done, for instance of a cache that cannot be written. */
function warningsTo(warnings) {
  const keep = (_facts, message) => warnings.add(message);
  return { debug() {}, info() {}, warn: keep, error: keep };
}
