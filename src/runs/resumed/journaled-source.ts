import { isPromiseLike } from '../../calls/attempts/invoke-agent.js';
import type { CallRequest } from '../../calls/call.js';
import type { TaskSource } from '../../contracts/call.js';
import type { CallOutcome } from '../../contracts/result.js';
import { ClosedError } from '../../errors/input-errors.js';
import { RunJournal } from '../../journal/run-journal.js';
import { loopTurn } from '../../lifecycle/loop-turn.js';
import { jsonSchemaWriter } from '../../output/json-schema.js';
import type { BudgetAccount } from '../../resilience/budget/budget.js';
import { plainSource, type RunSource } from '../run-source.js';
import type { RunContext } from '../task-admission.js';
import { elementOf } from '../task-reader.js';
import { journalReader, type ToTask } from './journal-reader.js';
import { recordingSink } from './recording-sink.js';
import { reportRejectedRow } from './rejected-rows.js';
import { compareTask, fingerprintTask } from './task-fingerprint.js';

/** Tasks after which the journal of a long list is written. */
const TASKS_BETWEEN_FLUSHES = 8_192;

/** The tasks of a run that has a name: those that its journal has on record come with their outcomes. */
export async function journaledSource(context: RunContext, tasks: TaskSource): Promise<RunSource> {
  const { services, admission } = context;
  const startedAtMs = services.clock.now();
  const plain = plainSource(context, tasks);
  // For the fingerprints of tasks: agents may be added while the run reads.
  await jsonSchemaWriter.load();
  const journal = await openJournal(context);
  const toTask = (input: unknown, runsNext: boolean): ReturnType<ToTask> =>
    fingerprintTask(services, plain.admit(input), runsNext);
  try {
    if (plain.reader.total !== undefined) journal.setLength(plain.reader.total);
    await plain.reader.ready;
    if (Array.isArray(tasks)) await checkList(journal, tasks, (input) => toTask(input, false));
    if (admission.isClosed) throw new ClosedError('orchestrator');
  } catch (error) {
    await journal.abandon();
    throw error;
  }
  const toRun = new Map<number, string>();
  return {
    reader: journalReader({ journal, reader: plain.reader, toTask: (input) => toTask(input, true), toRun }),
    // The reader has checked it: what it returns is a call to make or an outcome.
    admit: (input) => input as CallRequest | CallOutcome,
    wrapSink: (sink, run) => recordingSink({ journal, sink, run, toRun, logger: services.logger }),
    account: journal.account as BudgetAccount | undefined,
    lateMs: services.clock.now() - startedAtMs,
  };
}

function openJournal({ options, services }: RunContext): Promise<RunJournal> {
  const runId = options.runId as string;
  return RunJournal.open({
    runId,
    directory: options.directory as string,
    secret: options.secret ?? services.secret,
    retryFailed: options.retryFailed === true,
    needsAccount: options.budget !== undefined,
    epochMs: services.clock.epochMs(),
    onReject: (row) => reportRejectedRow(services, runId, row),
    onProblem: (error) => services.logger.warn({ runId, error }, error.message),
  });
}

/** Compares a whole list with what the journal has on record, before any of it is run. */
async function checkList(journal: RunJournal, tasks: readonly unknown[], toTask: ToTask): Promise<void> {
  for (let index = 0; index < tasks.length; index++) {
    const turned = journal.turnTo(index);
    if (turned !== undefined) await turned;
    const task = toTask(elementOf(tasks, index));
    compareTask(journal, index, isPromiseLike(task) ? await task : task);
    if (index % TASKS_BETWEEN_FLUSHES === 0) await journal.flush();
    else if (loopTurn.isOver) await loopTurn.next();
  }
  await journal.flush();
}
