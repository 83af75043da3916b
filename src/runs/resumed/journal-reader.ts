import { isPromiseLike } from '../../calls/attempts/invoke-agent.js';
import type { CallRequest } from '../../calls/call.js';
import type { CallOutcome } from '../../contracts/result.js';
import type { RunJournal } from '../../journal/run-journal.js';
import { PAGE_TASKS } from '../../journal/task-pages.js';
import type { IndexedTask, TaskReader } from '../task-reader.js';
import { type CheckedTask, compareTask } from './checked-task.js';

/** What the readers of runs with a journal are made of. */
export interface JournalReading {
  readonly journal: RunJournal;
  readonly reader: TaskReader;
  readonly toChecked: (input: unknown) => CheckedTask;
  /** Gets the outcomes that come from the journal. */
  readonly recalled: WeakSet<CallOutcome>;
}

/** Reads tasks as they are, checked, and with their outcomes where the journal has these. */
export function journalReader(reading: JournalReading): TaskReader {
  const { journal, reader } = reading;
  const next = reader.isArray ? readAhead(reading) : readInTurn(reading);
  return {
    total: reader.total,
    isArray: reader.isArray,
    next: () => {
      // What can no longer be recorded must not be started.
      journal.check();
      return next();
    },
    close: () => reader.close(),
  };
}

/** The tasks of a list, which was compared before. They may come in any order, so their places are looked up together. */
function readAhead({ journal, reader, toChecked, recalled }: JournalReading): TaskReader['next'] {
  let ahead: IndexedTask[] = [];
  let given = 0;
  const give = (): IndexedTask | undefined => {
    const task = ahead[given];
    if (task === undefined) return undefined;
    given += 1;
    return { index: task.index, input: toAdmitted(journal, task.index, toChecked(task.input), recalled) };
  };
  return () => {
    if (given < ahead.length) return give();
    ahead = takeSome(reader);
    given = 0;
    const fetched = journal.fetch(ahead.map(({ index }) => index));
    return fetched === undefined ? give() : fetched.then(give);
  };
}

function takeSome(reader: TaskReader): IndexedTask[] {
  const taken: IndexedTask[] = [];
  while (taken.length < PAGE_TASKS) {
    // A list's reader never makes anybody wait.
    const task = reader.next() as IndexedTask | undefined;
    if (task === undefined) break;
    taken.push(task);
  }
  return taken;
}

/** The tasks of any other source, one by one, each compared when it comes. */
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

function compare({ journal, reader, toChecked, recalled }: JournalReading, task: IndexedTask): IndexedTask {
  const { index, input } = task;
  try {
    const checked = toChecked(input);
    compareTask(journal, index, checked);
    return { index, input: toAdmitted(journal, index, checked, recalled) };
  } catch (error) {
    // It is we who end the reading: the source does not know.
    reader.close();
    throw error;
  }
}

function toAdmitted(
  journal: RunJournal,
  index: number,
  checked: CheckedTask,
  recalled: WeakSet<CallOutcome>,
): CallRequest | CallOutcome {
  if ('refusal' in checked) return checked.refusal;
  const outcome = journal.recall(index, checked.request.options?.metadata);
  if (outcome === undefined) return checked.request;
  recalled.add(outcome);
  return outcome;
}
