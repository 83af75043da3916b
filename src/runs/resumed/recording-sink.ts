import type { CallOutcome } from '../../contracts/result.js';
import { fieldOf } from '../../errors/foreign.js';
import type { RunJournal } from '../../journal/run-journal.js';
import type { Logger } from '../../logging/logger.js';
import type { Budget } from '../../resilience/budget/budget.js';
import type { TaskRun, TaskRunOwner } from '../task-run.js';

/** What {@link journalOwner} stands between. */
export interface JournalOwnerParts {
  readonly journal: RunJournal;
  readonly owner: TaskRunOwner;
  readonly run: () => TaskRun;
  /** Outcomes that came from the journal. */
  readonly recalled: WeakSet<CallOutcome>;
  readonly logger: Logger;
}

/**
 * Stands in front of a run's owner: outcomes are recorded, and handed on when they are on disk. What waits for the
 * disk counts as under way, so a crash never costs more tasks than may run at once.
 */
export function journalOwner({ journal, owner, run, recalled, logger }: JournalOwnerParts): TaskRunOwner {
  let hasBegun = false;
  let hasWarned = false;
  return {
    services: owner.services,
    admit: (input) => {
      if (!hasBegun) keepFirstAccounts(journal, run().budget);
      hasBegun = true;
      return owner.admit(input);
    },
    unread: () => owner.unread() + journal.unwritten,
    settled: (outcome, index) => {
      if (recalled.has(outcome) || !isDone(outcome, run().isCancelled)) {
        owner.settled(outcome, index);
        return;
      }
      keepAccount(journal, run().budget, journal.unwritten + 1);
      const isRecorded = journal.record(index, outcome, () => {
        owner.settled(outcome, index);
        run().pump();
      });
      if (isRecorded) return;
      if (!hasWarned) logger.warn({ agent: outcome.agent, index }, NOT_RECORDED);
      hasWarned = true;
      owner.settled(outcome, index);
    },
    finished: async (sourceError) => {
      // Nothing is under way any more: from here on it is known what has been spent.
      keepAccount(journal, run().budget, 0);
      const journalError = await journal.close();
      await owner.finished(sourceError ?? journalError);
    },
  };
}

/**
 * Keeps what has been spent with the outcomes it was spent on. What is reserved counts as spent: should the process
 * be killed, those calls have been made and nobody will have seen what they cost. The same is true of the calls that
 * begin in the places of `ended` ones before the next outcome is recorded.
 */
function keepAccount(journal: RunJournal, budget: Budget | undefined, ended: number): void {
  if (budget === undefined) return;
  budget.onClaimed = undefined;
  journal.keepAccount(budget.worstCaseAccount(ended));
}

/** The same for the calls that begin before there is any outcome. */
function keepFirstAccounts(journal: RunJournal, budget: Budget | undefined): void {
  if (budget === undefined) return;
  budget.onClaimed = () => journal.keepAccount(budget.worstCaseAccount(0));
}

const NOT_RECORDED =
  'an answer holds data that can be neither written as JSON nor cloned; its task runs again when the run is resumed';

/** Whether the task need not be run again: it was not cancelled, nor ended with its run, nor refused unstarted. */
function isDone(outcome: CallOutcome, isRunCancelled: boolean): boolean {
  if (outcome.success) return true;
  const { attempts, error } = outcome;
  if (attempts === 0 || error.code === 'TUTTI_CANCELLED') return false;
  return !(isRunCancelled && error.code === 'TUTTI_TIMEOUT' && fieldOf(error, 'scope') === 'deadline');
}
