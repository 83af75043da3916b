import { isPromiseLike } from '../../calls/attempts/invoke-agent.js';
import type { CallRequest } from '../../calls/call.js';
import { hasTurns, turnsOf } from '../../calls/turns.js';
import type { CallOutcome } from '../../contracts/result.js';
import type { RunJournal } from '../../journal/run-journal.js';
import { PAGE_TASKS } from '../../journal/task-pages.js';
import type { IndexedTask, TaskReader } from '../task-reader.js';
import { compareTask, type FingerprintedTask } from './task-fingerprint.js';

/** Checks a task and adds its fingerprint; a promise where files have to be read for it. */
export type ToTask = (input: unknown) => FingerprintedTask | Promise<FingerprintedTask>;

/** What the reader of a run with a journal works with. */
export interface JournalReading {
  readonly journal: RunJournal;
  readonly reader: TaskReader;
  readonly toTask: ToTask;
  /** Receives the fingerprints of the tasks that have to be run, by index. */
  readonly toRun: Map<number, string>;
}

/** Reads tasks as they are, checked, and with their outcomes where the journal has these. */
export function journalReader(reading: JournalReading): TaskReader {
  const { journal, reader } = reading;
  const next = reader.isArray ? readAhead(reading) : readInTurn(reading);
  return {
    total: reader.total,
    isArray: reader.isArray,
    ready: undefined,
    next: () => {
      // What can no longer be recorded must not be started.
      journal.check();
      return next();
    },
    close: () => reader.close(),
  };
}

/** The tasks of a list, which was compared before. They may come in any order, so their rows are fetched together. */
function readAhead(reading: JournalReading): TaskReader['next'] {
  const { journal, reader, toTask } = reading;
  let ahead: IndexedTask[] = [];
  let taken = 0;
  const takeNext: TaskReader['next'] = () => {
    const next = ahead[taken];
    if (next === undefined) return undefined;
    taken += 1;
    const { index } = next;
    return whenReady(toTask(next.input), (task) => ({ index, input: recallOrRun(reading, index, task) }));
  };
  return () => {
    if (taken < ahead.length) return takeNext();
    ahead = readSome(reader);
    taken = 0;
    const fetched = journal.fetch(ahead.map(({ index }) => index));
    return fetched === undefined ? takeNext() : fetched.then(takeNext);
  };
}

function readSome(reader: TaskReader): IndexedTask[] {
  const tasks: IndexedTask[] = [];
  while (tasks.length < PAGE_TASKS) {
    // A list's reader that is ready returns no promises.
    const task = reader.next() as IndexedTask | undefined;
    if (task === undefined) break;
    tasks.push(task);
  }
  return tasks;
}

/** The tasks of any other source, one by one, each compared when it is read. */
function readInTurn(reading: JournalReading): TaskReader['next'] {
  const { journal, reader } = reading;
  let tasksRead = 0;
  const take = (task: IndexedTask | undefined): ReturnType<TaskReader['next']> => {
    if (task === undefined) {
      journal.setLength(tasksRead);
      return undefined;
    }
    tasksRead += 1;
    const turned = journal.turnTo(task.index);
    if (turned === undefined) return compare(reading, task);
    return turned.then(() => journal.fetchPage(task.index)).then(() => compare(reading, task));
  };
  return () => {
    const task = reader.next();
    return isPromiseLike(task) ? task.then(take) : take(task);
  };
}

function compare(reading: JournalReading, { index, input }: IndexedTask): IndexedTask | Promise<IndexedTask> {
  const { journal, reader, toTask } = reading;
  return whenReady(toTask(input), (task) => {
    try {
      compareTask(journal, index, task);
      return { index, input: recallOrRun(reading, index, task) };
    } catch (error) {
      // Reading ends here, not at the source, which does not know.
      reader.close();
      throw error;
    }
  });
}

function whenReady<Value, Result>(
  value: Value | Promise<Value>,
  next: (value: Value) => Result,
): Result | Promise<Result> {
  return isPromiseLike(value) ? (value as Promise<Value>).then(next) : next(value);
}

function recallOrRun(
  { journal, toRun }: JournalReading,
  index: number,
  task: FingerprintedTask,
): CallRequest | CallOutcome {
  if ('refusal' in task) return task.refusal;
  const { request, fingerprint } = task;
  const outcome = journal.recall(index, fingerprint, request.options?.metadata);
  if (outcome !== undefined) return withTurns(request, outcome);
  toRun.set(index, fingerprint);
  // A function makes its own arrangements.
  const { provider, fallbacks } = request.registered.definition;
  if (provider === undefined && fallbacks === undefined) return request;
  return { ...request, progress: journal.progressOf(index, fingerprint) };
}

/** They are not stored: they hold the task. */
function withTurns({ task, registered }: CallRequest, outcome: CallOutcome): CallOutcome {
  if (outcome.success && hasTurns(task, registered.definition)) outcome.messages = turnsOf(task, outcome);
  return outcome;
}
