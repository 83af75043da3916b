import type { CallRequest } from '../calls/call.js';
import type { TaskSource } from '../contracts/call.js';
import type { CallOutcome } from '../contracts/result.js';
import type { BudgetAccount } from '../resilience/budget/budget.js';
import { type RunContext, taskAdmission } from './task-admission.js';
import { openTaskReader, type TaskReader } from './task-reader.js';
import type { RunSink, TaskRun } from './task-run.js';

/** Where the tasks of a run come from, and what stands between it and its sink. */
export interface RunSource {
  readonly reader: TaskReader;
  /** Checks a task: returns a call to make, or the outcome that it has already. */
  admit(input: unknown): CallRequest | CallOutcome;
  /** Wraps the run's sink, where something has to happen before outcomes are delivered. */
  readonly wrapSink: ((sink: RunSink, run: () => TaskRun) => RunSink) | undefined;
  /** What the run had spent when it was interrupted. */
  readonly account: BudgetAccount | undefined;
  /** How long ago the run was requested, in milliseconds. */
  readonly lateMs: number;
}

/** The tasks as they are. */
export function plainSource(context: RunContext, tasks: TaskSource): RunSource {
  const { options } = context;
  return {
    reader: openTaskReader(tasks, options.ordered === true ? undefined : (options.priority ?? 0)),
    admit: taskAdmission(context),
    wrapSink: undefined,
    account: undefined,
    lateMs: 0,
  };
}
