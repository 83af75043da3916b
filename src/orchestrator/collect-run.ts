import type { TaskSource } from '../contracts/call.js';
import type { CallOutcome } from '../contracts/result.js';
import { TaskSourceError } from '../errors/execution-errors.js';
import { AsyncChannel } from '../events/async-channel.js';
import { ProgressReporter } from './progress-reporter.js';
import { type RunContext, taskAdmission } from './task-admission.js';
import { TaskRun } from './task-run.js';

/** All outcomes in input order, once everything has settled. */
export function collectRun(
  context: RunContext,
  tasks: TaskSource,
  runs: Set<TaskRun>,
): Promise<CallOutcome[]> {
  const { options } = context;
  return new Promise((resolve, reject) => {
    const outcomes: CallOutcome[] = [];
    const run = new TaskRun(
      {
        parts: context.parts,
        admit: taskAdmission(context),
        unread: () => 0,
        settled: (outcome, index) => {
          outcomes[index] = outcome;
          progress.report(outcome);
          if (outcome.success || options.stopOnError !== true) return;
          reject(outcome.error);
          run.cancel((call) => call.cancelBecause('another task of its run failed', outcome.error));
        },
        finished: (sourceError) => {
          runs.delete(run);
          if (sourceError === undefined) resolve(outcomes);
          else reject(new TaskSourceError(outcomes, sourceError.thrown));
        },
      },
      tasks,
      options,
    );
    const progress = new ProgressReporter(options, run.total, context.parts.logger);
    runs.add(run);
    run.start();
  });
}

/** Outcomes with the index of their task, in order of completion, no faster than they are read. */
export async function* streamRun(
  context: RunContext,
  tasks: TaskSource,
  runs: Set<TaskRun>,
): AsyncGenerator<CallOutcome & { index: number }, void, undefined> {
  const { options } = context;
  const channel = new AsyncChannel<CallOutcome & { index: number }>(Number.POSITIVE_INFINITY);
  const run = new TaskRun(
    {
      parts: context.parts,
      admit: taskAdmission(context),
      unread: () => channel.size,
      settled: (outcome, index) => {
        progress.report(outcome);
        void channel.write({ ...outcome, index });
        if (outcome.success || options.stopOnError !== true) return;
        channel.end(outcome.error);
        run.cancel((call) => call.cancelBecause('another task of its run failed', outcome.error));
      },
      finished: (sourceError) => {
        runs.delete(run);
        channel.end(sourceError && new TaskSourceError([], sourceError.thrown));
      },
    },
    tasks,
    options,
  );
  const progress = new ProgressReporter(options, run.total, context.parts.logger);
  runs.add(run);
  run.start();
  try {
    for (let step = await channel.read(); step.done !== true; step = await channel.read()) {
      yield step.value;
      run.pump();
    }
  } finally {
    run.cancel((call) => call.cancelBecause('the reader of its run left'));
  }
}
