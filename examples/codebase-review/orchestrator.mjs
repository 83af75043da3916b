import { AsyncOrchestrator, defineAgent } from 'tutti';
import { checkLinks } from './agents/check-links.mjs';
import { complexity } from './agents/complexity.mjs';
import { findDuplicates } from './agents/find-duplicates.mjs';
import { findTodos } from './agents/find-todos.mjs';
import { proofread } from './agents/flaky-proofreader.mjs';
import { readability } from './agents/readability.mjs';
import { readSlowly } from './agents/slow-reader.mjs';
import { summarize } from './agents/summarize.mjs';

/** The one place where the orchestrator is made: who can be called, and how every call is looked after. */
export function createOrchestrator({ maxConcurrent }) {
  return new AsyncOrchestrator({
    agents: {
      summarize,
      readability,
      'find-todos': findTodos,
      complexity,
      'check-links': checkLinks,
      'find-duplicates': findDuplicates,
      'flaky-proofreader': proofread,
      'slow-reader': defineAgent({ name: 'slow-reader', run: readSlowly, timeoutMs: 400, maxRetries: 0 }),
    },
    maxConcurrent,
    timeoutMs: 10_000,
    maxRetries: 2,
    retry: { minDelayMs: 50, maxDelayMs: 500 },
  });
}
