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
