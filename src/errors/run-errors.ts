import type { DatabaseProblem } from './storage-errors.js';
import { TuttiError } from './tutti-error.js';

/**
 * What differs between a task and the journal of its run: see {@link RunChangedError}. `admission` means that the
 * task was accepted before and is rejected now; the rejection is the `cause`.
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

/** The tasks of a resumed run differ from those it started with. `index` and `differs` say which task and how. */
export class RunChangedError extends TuttiError<'TUTTI_RUN_CHANGED'> {
  /** The run's name. */
  readonly runId: string;
  /** Index of the first task that differs, from 0; if the length differs, the number of tasks now. */
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

/** The run is already in progress, in this process or another one. */
export class RunBusyError extends TuttiError<'TUTTI_RUN_BUSY'> {
  /** The run's name. */
  readonly runId: string;
  /** Path of its journal. */
  readonly path: string;

  constructor(runId: string, path: string, options: { cause?: unknown } = {}) {
    super(
      'TUTTI_RUN_BUSY',
      `Run "${runId}" is already in progress, in this process or another one, which has locked ${path}. Wait for it ` +
        'to finish, or stop it; use another runId for other work.',
      { ...options, retryable: true, details: { runId, path } },
    );
    this.runId = runId;
    this.path = path;
  }
}

/**
 * What kind of trouble a journal is in: that of its database, or
 *
 * - `format`: it was written by another version, or not by this library;
 * - `secret`: it was signed with another secret, or there is no secret to sign it with;
 * - `unverified`: what it holds is not what was signed, and the run cannot go on without it.
 */
export type RunJournalProblem = DatabaseProblem | 'format' | 'secret' | 'unverified';

/**
 * The journal of a run cannot be opened, read or written. The file is left as it is. If it happens during the run, no
 * further task is started, and `results` holds what was done.
 */
export class RunJournalError extends TuttiError<'TUTTI_RUN_JOURNAL'> {
  /** The run's name. */
  readonly runId: string;
  /** Path of its journal. */
  readonly path: string;
  /** What kind of problem it is. */
  readonly problem: RunJournalProblem;
  /** The results of the tasks that had settled, in input order; empty if they were delivered one by one. */
  results: readonly unknown[] = [];

  constructor(
    journal: { runId: string; path: string },
    problem: RunJournalProblem,
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

/** How far a run had come when it was stopped. */
export interface RunStop {
  /** The run's name; `undefined` if it has none. */
  runId: string | undefined;
  /** Tasks that had been read from the source; each of them has its outcome. */
  tasksRead: number;
  /** Number of tasks, if the source has a known length. */
  total: number | undefined;
}

/**
 * A run of `executeEach` was stopped before all its tasks had been read: by its signal, its deadline, or because the
 * orchestrator was closed. The tasks that had been read have their outcomes; the others were not started, and are not
 * failures. Lists are always read to the end. The `cause` is what stopped the run.
 */
export class RunStoppedError extends TuttiError<'TUTTI_RUN_STOPPED'> {
  /** The run's name; `undefined` if it has none. */
  readonly runId: string | undefined;
  /** Tasks that had been read from the source. */
  readonly tasksRead: number;
  /** Number of tasks, if the source has a known length. */
  readonly total: number | undefined;

  constructor(stop: RunStop, options: { cause?: unknown } = {}) {
    const { runId, tasksRead, total } = stop;
    const read = total === undefined ? `${tasksRead}` : `${tasksRead} of ${total}`;
    super(
      'TUTTI_RUN_STOPPED',
      `The run was stopped; tasks read: ${read}. The others were not started. ${howToGoOn(runId)}`,
      { ...options, details: { ...stop } },
    );
    this.runId = runId;
    this.tasksRead = tasksRead;
    this.total = total;
  }
}

/** What to do about a run that was stopped. */
export function howToGoOn(runId: string | undefined): string {
  return runId === undefined
    ? 'Give runs a runId and a directory to be able to continue them.'
    : `To continue, make the same call again with runId "${runId}": only what has not finished is run.`;
}
