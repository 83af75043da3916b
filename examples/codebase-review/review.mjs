import { planTasks } from './input/tasks.mjs';
import { createOrchestrator } from './orchestrator.mjs';
import { startProgress } from './output/progress.mjs';
import { Tally } from './output/tally.mjs';

/**
 * Runs every agent over the files and counts what happens. Tasks are read as permits become free, results are taken
 * as they come. When the signal is aborted, what has been counted so far is given back.
 */
export async function review({ root, files, concurrency, signal, stream, paint }) {
  const orchestrator = createOrchestrator({ maxConcurrent: concurrency });
  const plan = planTasks(root, files);
  const tally = new Tally(orchestrator.agents.list().map(({ name }) => name));
  tally.follow(orchestrator);
  const startedAt = performance.now();
  const progress = startProgress({ stream, paint, orchestrator, tally, plan, startedAt });
  try {
    for await (const result of orchestrator.executeEach(plan.tasks(), { signal })) {
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
  return { plan, tally, seconds, attempts: orchestrator.stats().attempts };
}
