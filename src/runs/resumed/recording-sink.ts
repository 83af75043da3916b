import type { CallOutcome } from '../../contracts/result.js';
import { fieldOf } from '../../errors/foreign.js';
import type { RunJournal } from '../../journal/run-journal.js';
import type { Logger } from '../../logging/logger.js';
import type { Budget } from '../../resilience/budget/budget.js';
import type { RunSink, TaskRun } from '../task-run.js';

/** What {@link recordingSink} stands between. */
export interface RecordingSinkOptions {
  readonly journal: RunJournal;
  readonly sink: RunSink;
  readonly run: () => TaskRun;
  /** The fingerprints of the tasks that are run, by index. Those of recalled and rejected tasks are not in it. */
  readonly toRun: Map<number, string>;
  readonly logger: Logger;
}

/**
 * Records outcomes, and passes each on once it is on disk. Until then it counts as running, so a crash never costs
 * more tasks than may run at once.
 */
export function recordingSink({ journal, sink, run, toRun, logger }: RecordingSinkOptions): RunSink {
  let hasBegun = false;
  let hasWarned = false;
  return {
    services: sink.services,
    admit: (input) => {
      if (!hasBegun) keepFirstAccounts(journal, run().budget);
      hasBegun = true;
      return sink.admit(input);
    },
    unread: () => sink.unread() + journal.unwritten,
    held: () => sink.held?.() ?? 0,
    settled: (outcome, index) => {
      const fingerprint = toRun.get(index);
      toRun.delete(index);
      if (fingerprint === undefined || !isDone(outcome, run().isCancelled)) {
        sink.settled(outcome, index);
        return;
      }
      keepAccount(journal, run().budget, journal.unwritten + 1);
      const isRecorded = journal.record(index, fingerprint, outcome, () => {
        sink.settled(outcome, index);
        run().pump();
      });
      if (isRecorded) return;
      if (!hasWarned) logger.warn({ agent: outcome.agent, index }, NOT_RECORDED);
      hasWarned = true;
      sink.settled(outcome, index);
    },
    finished: async (sourceError) => {
      // Nothing is running any more: from here on it is known what has been spent.
      keepAccount(journal, run().budget, 0);
      const journalError = await journal.close();
      await sink.finished(sourceError ?? journalError);
    },
  };
}

/**
 * Keeps what has been spent with the outcomes it was spent on. What is reserved counts as spent: if the process is
 * killed, those calls have been made, and what they cost is lost with it. The same is true of the calls that start in
 * the slots of `ended` ones before the next outcome is recorded.
 */
function keepAccount(journal: RunJournal, budget: Budget | undefined, ended: number): void {
  if (budget === undefined) return;
  budget.onClaimed = undefined;
  journal.keepAccount(budget.worstCaseAccount(ended));
}

/** The same for the calls that start before there is any outcome. */
function keepFirstAccounts(journal: RunJournal, budget: Budget | undefined): void {
  if (budget === undefined) return;
  budget.onClaimed = () => journal.keepAccount(budget.worstCaseAccount(0));
}

const NOT_RECORDED =
  'an answer is too large or holds data that cannot be written as JSON; its task runs again when the run is resumed';

/** Ends of calls that go on when the run is resumed: approvals may be given by then, and doubts settled. */
const UNFINISHED_CODES: ReadonlySet<string> = new Set([
  'TUTTI_CANCELLED',
  'TUTTI_APPROVAL_REQUIRED',
  'TUTTI_TOOL_IN_DOUBT',
]);

/** Whether the task need not be run again: it was not cancelled, did not end with its run, and was started. */
function isDone(outcome: CallOutcome, isRunCancelled: boolean): boolean {
  if (outcome.success) return true;
  const { attempts, error } = outcome;
  if (attempts === 0 || UNFINISHED_CODES.has(error.code)) return false;
  return !(isRunCancelled && error.code === 'TUTTI_TIMEOUT' && fieldOf(error, 'scope') === 'deadline');
}
