import type { DatabaseProblem } from './storage-errors.js';
import { TuttiError } from './tutti-error.js';

/**
 * What of a task is not what its run has on record: see {@link RunChangedError}. `admission` means that the task was
 * taken before and is refused now; the refusal is the `cause`.
 */
export type RunDifference =
  | 'agent'
  | 'definition'
  | 'task'
  | 'params'
  | 'model'
  | 'tenant'
  | 'length'
  | 'admission';

/** The tasks of a run that is resumed are not those it began with. `index` and `differs` say where and in what. */
export class RunChangedError extends TuttiError {
  /** The run. */
  readonly runId: string;
  /** The first task that differs, from 0; where the length differs, how many tasks there are now. */
  readonly index: number;
  /** What differs. */
  readonly differs: readonly RunDifference[];

  constructor(
    runId: string,
    index: number,
    differs: readonly RunDifference[],
    what: string,
    options: { cause?: unknown } = {},
  ) {
    super(
      'TUTTI_RUN_CHANGED',
      `Run "${runId}" began with other tasks: ${what}. Give it the tasks it began with, use another runId, or ` +
        'delete its journal with deleteRun() from tutti/runs.',
      { ...options, details: { runId, index, differs } },
    );
    this.runId = runId;
    this.index = index;
    this.differs = differs;
  }
}

/** The run is under way elsewhere: in another process, or in this one. */
export class RunBusyError extends TuttiError {
  /** The run. */
  readonly runId: string;
  /** Its journal. */
  readonly path: string;

  constructor(runId: string, path: string, options: { cause?: unknown } = {}) {
    super(
      'TUTTI_RUN_BUSY',
      `Run "${runId}" is under way already, here or in another process, which holds ${path}. Wait until it has ` +
        'ended, or end it; use another runId for other work.',
      { ...options, retryable: true, details: { runId, path } },
    );
    this.runId = runId;
    this.path = path;
  }
}

/**
 * The journal of a run cannot be opened, read or written. The file is left as it is. When it happens on the way,
 * nothing more is started, and `results` has what was done.
 */
export class RunJournalError extends TuttiError {
  /** The run. */
  readonly runId: string;
  /** Its journal. */
  readonly path: string;
  /** What kind of trouble it is. */
  readonly problem: DatabaseProblem | 'format';
  /** The results of the tasks that had settled, in input order; none where they were given out one by one. */
  results: readonly unknown[] = [];

  constructor(
    journal: { runId: string; path: string },
    problem: DatabaseProblem | 'format',
    what: string,
    options: { cause?: unknown } = {},
  ) {
    const { runId, path } = journal;
    super('TUTTI_RUN_JOURNAL', `The journal of run "${runId}", ${path}, ${what}`, {
      ...options,
      details: { runId, path, problem },
    });
    this.runId = runId;
    this.path = path;
    this.problem = problem;
  }
}
