import type { CallServices } from '../../calls/call-services.js';
import type { RejectedRow } from '../../journal/run-journal.js';

/** Reports a row of a journal that was not believed: to the logger, and as an event. */
export function reportRejectedRow(
  { logger, events, clock }: CallServices,
  runId: string,
  row: RejectedRow,
): void {
  logger.warn({ runId, ...row }, MESSAGES[row.kind]);
  if (!events.wants('journal:reject')) return;
  events.emit('journal:reject', { runId, ...row, at: clock.epochMs() });
}

const MESSAGES: Readonly<Record<RejectedRow['kind'], string>> = {
  head: 'the head of a journal is not as it was signed, so nothing in the journal can be verified; the run begins again with a new one',
  page: 'a row of task fingerprints in a journal is not as it was signed and is not used; outcomes are compared with their tasks one by one',
  progress:
    'the record of what a task has done is not as it was signed and is not used; the task fails, because its tools may have done something',
  outcome: 'an outcome in a journal is not as it was signed and is not used; its task runs again',
};
