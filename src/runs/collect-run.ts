import type { TaskSource } from '../contracts/call.js';
import type { CallOutcome, IndexedOutcome } from '../contracts/result.js';
import { TaskSourceError } from '../errors/execution-errors.js';
import { fieldOf } from '../errors/foreign.js';
import type { RunJournalError } from '../errors/run-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { AsyncChannel } from '../events/async-channel.js';
import { ProgressReporter } from './progress-reporter.js';
import { plainSource, type RunSource } from './run-source.js';
import type { RunContext } from './task-admission.js';
import { type RunSink, TaskRun } from './task-run.js';

/** All outcomes in input order, once everything has settled. */
export async function collectRun(
  context: RunContext,
  tasks: TaskSource,
  runs: Set<TaskRun>,
): Promise<CallOutcome[]> {
  if (context.options.runId === undefined) return collect(context, plainSource(context, tasks), runs);
  return collect(context, await openJournaledSource(context, tasks), runs);
}

function collect(context: RunContext, source: RunSource, runs: Set<TaskRun>): Promise<CallOutcome[]> {
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
        run.cancel((call) => call.cancelBecause('another task of its run failed', outcome.error));
      },
      finished: (sourceError) => {
        runs.delete(run);
        outcomes.length = length;
        if (stoppedBy !== undefined) reject(stoppedBy);
        else if (sourceError === undefined) resolve(outcomes);
        else reject(toRunError(sourceError.thrown, outcomes, length));
      },
    });
    const progress = new ProgressReporter(options, run.total, context.services.logger);
    runs.add(run);
    run.start(source.lateMs);
  });
}

/** Outcomes with the index of their task, in order of completion, no faster than they are read. */
export async function* streamRun(
  context: RunContext,
  tasks: TaskSource,
  runs: Set<TaskRun>,
): AsyncGenerator<IndexedOutcome, void, undefined> {
  const { options } = context;
  const isJournaled = options.runId !== undefined;
  const source = isJournaled ? await openJournaledSource(context, tasks) : plainSource(context, tasks);
  const channel = new AsyncChannel<IndexedOutcome>(Number.POSITIVE_INFINITY);
  let tasksRead = 0;
  const run = openRun(context, source, {
    services: context.services,
    admit: source.admit,
    unread: () => channel.size,
    settled: (outcome, index) => {
      tasksRead += 1;
      progress.report(outcome);
      void channel.write({ ...outcome, index });
      if (outcome.success || options.stopOnError !== true) return;
      channel.end(outcome.error);
      run.cancel((call) => call.cancelBecause('another task of its run failed', outcome.error));
    },
    finished: (sourceError) => {
      runs.delete(run);
      channel.end(sourceError && toRunError(sourceError.thrown, [], tasksRead));
    },
  });
  const progress = new ProgressReporter(options, run.total, context.services.logger);
  runs.add(run);
  run.start(source.lateMs);
  try {
    for (let step = await channel.read(); step.done !== true; step = await channel.read()) {
      yield step.value;
      run.pump();
    }
  } finally {
    run.cancel((call) => call.cancelBecause('the reader of its run left'));
    // The reader may start the run again at once, and then finds the journal free.
    if (isJournaled) await run.done;
  }
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
