import type { TaskSource } from '../contracts/call.js';
import type { CallOutcome, IndexedOutcome } from '../contracts/result.js';
import { TaskSourceError } from '../errors/execution-errors.js';
import { fieldOf } from '../errors/foreign.js';
import { howToGoOn, type RunJournalError, RunStoppedError } from '../errors/run-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { AsyncChannel } from '../events/async-channel.js';
import { InputOrder } from './input-order.js';
import { ProgressReporter } from './progress-reporter.js';
import { plainSource, type RunSource } from './run-source.js';
import type { RunContext } from './task-admission.js';
import { type OpenRun, type RunSink, TaskRun } from './task-run.js';

/** All outcomes in input order, once everything has settled. */
export async function collectRun(
  context: RunContext,
  tasks: TaskSource,
  runs: Set<OpenRun>,
): Promise<CallOutcome[]> {
  if (context.options.runId === undefined) return collect(context, plainSource(context, tasks), runs);
  return collect(context, await openJournaledSource(context, tasks), runs);
}

function collect(context: RunContext, source: RunSource, runs: Set<OpenRun>): Promise<CallOutcome[]> {
  const { options } = context;
  return new Promise((resolve, reject) => {
    const { total, isArray } = source.reader;
    // Tasks of a long list may settle in any order; without its length the array would turn into a slow dictionary.
    const outcomes: CallOutcome[] = isArray ? new Array(total) : [];
    let length = 0;
    let stoppedBy: TuttiError | undefined;
    const run = openRun(context, source, {
      services: context.services,
      admit: source.admit,
      unread: () => 0,
      settled: (outcome, index) => {
        outcomes[index] = outcome;
        length = Math.max(length, index + 1);
        progress.report(outcome);
        if (outcome.success || options.stopOnError !== true) return;
        stoppedBy ??= outcome.error;
        // With a journal only once it is closed: the run may be resumed at once.
        if (source.wrapSink === undefined) reject(stoppedBy);
        stopForFailure(run, outcome.error);
      },
      finished: (sourceError) => {
        runs.delete(run);
        outcomes.length = length;
        if (stoppedBy !== undefined) return reject(stoppedBy);
        if (sourceError !== undefined) return reject(toRunError(sourceError.thrown, outcomes, length));
        reportStop(context, run);
        resolve(outcomes);
      },
    });
    const progress = new ProgressReporter(options, run.total, context.services);
    runs.add(run);
    run.start(source.lateMs);
  });
}

/** Outcomes with the index of their task, no faster than they are read: in order of completion, or of the input. */
export async function* streamRun(
  context: RunContext,
  tasks: TaskSource,
  runs: Set<OpenRun>,
): AsyncGenerator<IndexedOutcome, void, undefined> {
  const { options } = context;
  const isJournaled = options.runId !== undefined;
  const source = isJournaled ? await openJournaledSource(context, tasks) : plainSource(context, tasks);
  const channel = new AsyncChannel<IndexedOutcome>(Number.POSITIVE_INFINITY);
  const deliver = (outcome: IndexedOutcome): void => void channel.write(outcome);
  const ordered = options.ordered === true ? new InputOrder(deliver) : undefined;
  let stoppedBy: TuttiError | undefined;
  const run = openRun(context, source, {
    services: context.services,
    admit: source.admit,
    unread: () => channel.size,
    held: () => ordered?.held ?? 0,
    settled: (outcome, index) => {
      progress.report(outcome);
      const indexed = { ...outcome, index };
      if (ordered === undefined) deliver(indexed);
      else ordered.add(indexed);
      if (outcome.success || options.stopOnError !== true) return;
      stoppedBy ??= outcome.error;
      // In input order, what came before the failure is delivered first.
      if (ordered === undefined) channel.end(stoppedBy);
      stopForFailure(run, outcome.error);
    },
    finished: (sourceError) => {
      runs.delete(run);
      channel.end(stoppedBy ?? streamError(context, run, sourceError));
    },
  });
  const progress = new ProgressReporter(options, run.total, context.services);
  runs.add(run);
  run.start(source.lateMs);
  try {
    for (let step = await channel.read(); step.done !== true; step = await channel.read()) {
      yield step.value;
      run.pump();
    }
  } finally {
    run.cancel((call) => call.cancelBecause('the reader of its run left'), READER_LEFT);
    // The reader may start the run again at once, and then finds the journal free.
    if (isJournaled) await run.done;
  }
}

const READER_LEFT = Symbol('the reader left');

function stopForFailure(run: TaskRun, error: TuttiError): void {
  run.cancel((call) => call.cancelBecause('another task of its run failed', error), error);
}

/** Journals and SQLite are loaded when a run has a name, not with the package. */
async function openJournaledSource(context: RunContext, tasks: TaskSource): Promise<RunSource> {
  const { journaledSource } = await import('./resumed/journaled-source.js');
  return journaledSource(context, tasks);
}

function openRun({ options }: RunContext, source: RunSource, sink: RunSink): TaskRun {
  const { reader, wrapSink, account } = source;
  const run: TaskRun = new TaskRun(wrapSink?.(sink, () => run) ?? sink, reader, options, account);
  return run;
}

/** What a run that has ended throws to its reader, if anything. */
function streamError(
  context: RunContext,
  run: TaskRun,
  sourceError: { thrown: unknown } | undefined,
): TuttiError | undefined {
  const { stoppedBy, tasksRead, total } = run;
  if (sourceError !== undefined) return toRunError(sourceError.thrown, [], tasksRead);
  if (stoppedBy?.cause === READER_LEFT) return undefined;
  reportStop(context, run);
  if (!run.isCutShort) return undefined;
  return new RunStoppedError({ runId: context.options.runId, tasksRead, total }, stoppedBy);
}

/** Says in the log that a run was stopped, and how to continue it. */
function reportStop({ options, services }: RunContext, { stoppedBy, tasksRead, total }: TaskRun): void {
  if (stoppedBy === undefined) return;
  const { runId } = options;
  services.logger.warn({ runId, tasksRead, total }, `the run was stopped; ${howToGoOn(runId)}`);
}

/** What a run rejects with when its reading failed: its journal's errors as they are, the source's wrapped. */
function toRunError(thrown: unknown, results: CallOutcome[], tasksRead: number): TuttiError {
  const code = fieldOf(thrown, 'code');
  if (code === 'TUTTI_RUN_JOURNAL') {
    (thrown as RunJournalError).results = results;
    return thrown as RunJournalError;
  }
  if (code === 'TUTTI_RUN_CHANGED' || code === 'TUTTI_RUN_BUSY') return thrown as TuttiError;
  return new TaskSourceError(results, tasksRead, thrown);
}
