import type { CallRequest } from '../../calls/call.js';
import type { TaskSource } from '../../contracts/call.js';
import type { CallOutcome } from '../../contracts/result.js';
import { ClosedError } from '../../errors/input-errors.js';
import { RunJournal } from '../../journal/run-journal.js';
import { jsonSchemaWriter } from '../../output/json-schema.js';
import type { BudgetAccount } from '../../resilience/budget/budget.js';
import { plainSource, type RunSource } from '../run-source.js';
import type { RunContext } from '../task-admission.js';
import { type CheckedTask, checkTask, compareTask } from './checked-task.js';
import { journalReader } from './journal-reader.js';
import { journalOwner } from './recording-sink.js';

/** Tasks between which the journal of a long list is written and others get their turn. */
const TASKS_BETWEEN_FLUSHES = 8_192;

/** The tasks of a run that has a name: those that its journal has on record come with their outcomes. */
export async function journaledSource(context: RunContext, tasks: TaskSource): Promise<RunSource> {
  const { options, services, admission } = context;
  const startedAtMs = services.clock.now();
  const plain = plainSource(context, tasks);
  // For the fingerprints of tasks: agents may be added while the run reads.
  await jsonSchemaWriter.load();
  const journal = await RunJournal.open({
    runId: options.runId as string,
    directory: options.directory as string,
    retryFailed: options.retryFailed === true,
    epochMs: services.clock.epochMs(),
  });
  const toChecked = (input: unknown): CheckedTask => checkTask(context.services, plain.admit(input));
  try {
    if (plain.reader.total !== undefined) journal.setLength(plain.reader.total);
    if (Array.isArray(tasks)) await checkList(journal, tasks, toChecked);
    if (admission.isClosed) throw new ClosedError('orchestrator');
  } catch (error) {
    await journal.abandon();
    throw error;
  }
  const recalled = new WeakSet<CallOutcome>();
  return {
    reader: journalReader({ journal, reader: plain.reader, toChecked, recalled }),
    // The reader has checked it: what it gives is a call to make or an outcome.
    admit: (input) => input as CallRequest | CallOutcome,
    inFrontOf: (owner, run) => journalOwner({ journal, owner, run, recalled, logger: services.logger }),
    account: journal.account as BudgetAccount | undefined,
    lateMs: services.clock.now() - startedAtMs,
  };
}

/** Compares a whole list with what the journal has on record, before any of it is run. */
async function checkList(
  journal: RunJournal,
  tasks: readonly unknown[],
  toChecked: (input: unknown) => CheckedTask,
): Promise<void> {
  for (let index = 0; index < tasks.length; index++) {
    const turned = journal.turnTo(index);
    if (turned !== undefined) await turned;
    compareTask(journal, index, toChecked(tasks[index]));
    if (index % TASKS_BETWEEN_FLUSHES === 0) await journal.flush();
  }
  await journal.flush();
}
