import { AsyncOrchestrator, defineAgent } from 'tutti';
import { checkLinksIn } from './agents/check-links.mjs';
import { complexity } from './agents/complexity.mjs';
import { findDuplicatesIn } from './agents/find-duplicates.mjs';
import { findTodos } from './agents/find-todos.mjs';
import { proofread } from './agents/flaky-proofreader.mjs';
import { readability } from './agents/readability.mjs';
import { readSlowly } from './agents/slow-reader.mjs';
import { summarize } from './agents/summarize.mjs';
import { timed } from './agents/timed.mjs';

/** Where answers are kept: in the folder that the example is run from. */
export const CACHE_FOLDER = '.tutti';

/**
 * Agents whose answers are not kept: links point at other files, which can change while the document stays the same,
 * and the last two are there to be seen failing each time.
 */
export const NOT_CACHED = ['check-links', 'flaky-proofreader', 'slow-reader'];

/** The one place where the orchestrator is made: who can be called, and how every call is looked after. */
export function createOrchestrator({ root, maxConcurrent, isCached, logger }) {
  return new AsyncOrchestrator({
    agents: {
      summarize: timed(summarize),
      readability: timed(readability),
      'find-todos': timed(findTodos),
      complexity: timed(complexity),
      'check-links': checkLinksIn(root),
      'find-duplicates': timed(findDuplicatesIn(root)),
      'flaky-proofreader': proofread,
      'slow-reader': defineAgent({ name: 'slow-reader', run: readSlowly, timeoutMs: 400, maxRetries: 0 }),
    },
    maxConcurrent,
    timeoutMs: 10_000,
    maxRetries: 2,
    retry: { minDelayMs: 50, maxDelayMs: 500 },
    cache: isCached && { directory: CACHE_FOLDER, excludeAgents: NOT_CACHED },
    logger,
  });
}
