import type { TaskInput, TaskSource } from '../contracts/call.js';
import { TaskSourceError } from '../errors/execution-errors.js';
import { fieldOf } from '../errors/foreign.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { describeValue } from '../input/describe-value.js';

/** A task and its place in the input. */
export interface IndexedTask {
  index: number;
  /** The task as it was given, or as it came out of the checks where a reader makes them. */
  input: unknown;
}

/** Reads tasks one at a time, when asked; `undefined` at the end. An array's come highest priority first. */
export interface TaskReader {
  /** How many there are, where the source knows. */
  readonly total: number | undefined;
  /** Whether what is left may be read without end or delay: true for arrays. */
  readonly isArray: boolean;
  /** The next task, now or later. */
  next(): IndexedTask | undefined | Promise<IndexedTask | undefined>;
  /** Tells the source that nothing more will be read. */
  close(): void;
}

/**
 * Opens a source of tasks.
 *
 * @param priority That of tasks that name none.
 * @throws {@link InvalidArgumentError} when it cannot be iterated.
 * @throws {@link TaskSourceError} when it fails to begin.
 */
export function openTaskReader(source: TaskSource, priority: number): TaskReader {
  if (isObject(source)) {
    const reader = openReader(source, priority);
    if (reader !== undefined) return reader;
  }
  throw new InvalidArgumentError(
    'tasks',
    `tasks: expected an array, iterable or async iterable of [agent, task] or { agent, task }; got ${describeValue(source)}.`,
  );
}

function isObject(source: unknown): source is object {
  return typeof source === 'object' && source !== null;
}

/** Opening a source runs its code, and that may throw anything. */
function openReader(source: object, priority: number): TaskReader | undefined {
  try {
    if (Array.isArray(source)) return readArray(source, priority);
    const iterator = openIterator(source);
    return iterator === undefined ? undefined : readIterator(iterator, sizeOf(source));
  } catch (thrown) {
    throw new TaskSourceError([], 0, thrown);
  }
}

function openIterator(source: object): Iterator<TaskInput> | AsyncIterator<TaskInput> | undefined {
  if (Symbol.asyncIterator in source) return (source as AsyncIterable<TaskInput>)[Symbol.asyncIterator]();
  return Symbol.iterator in source ? (source as Iterable<TaskInput>)[Symbol.iterator]() : undefined;
}

function sizeOf(source: object): number | undefined {
  const { size } = source as { size?: unknown };
  return typeof size === 'number' ? size : undefined;
}

/** Stands for a task that could not be read. */
export class UnreadableTask {
  /** What reading it threw. */
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    this.thrown = thrown;
  }
}

/** An element of a list may be a getter, and that may throw anything. */
export function elementOf(tasks: readonly unknown[], index: number): unknown {
  try {
    return tasks[index];
  } catch (thrown) {
    return new UnreadableTask(thrown);
  }
}

function readArray(tasks: readonly TaskInput[], priority: number): TaskReader {
  const order = priorityOrder(tasks, priority);
  let position = 0;
  return {
    total: tasks.length,
    isArray: true,
    next: () => {
      if (position >= tasks.length) return undefined;
      const index = order === undefined ? position : (order[position] as number);
      position += 1;
      return { index, input: elementOf(tasks, index) };
    },
    close: () => {},
  };
}

/** The order in which an array's tasks are read; `undefined` where that is the array's own. */
function priorityOrder(tasks: readonly TaskInput[], otherwise: number): Uint32Array | undefined {
  const first = priorityOf(elementOf(tasks, 0), otherwise);
  let index = 1;
  while (index < tasks.length && priorityOf(elementOf(tasks, index), otherwise) === first) index += 1;
  if (index >= tasks.length) return undefined;
  // Each is read once: a getter may say something else each time.
  const priorities = Float64Array.from({ length: tasks.length }, (_none, at) =>
    priorityOf(elementOf(tasks, at), otherwise),
  );
  const order = Uint32Array.from(priorities, (_priority, at) => at);
  return order.sort((a, b) => (priorities[b] as number) - (priorities[a] as number) || a - b);
}

function priorityOf(task: unknown, otherwise: number): number {
  const priority = fieldOf(task, 'priority');
  return typeof priority === 'number' && Number.isFinite(priority) ? priority : otherwise;
}

function readIterator(
  iterator: Iterator<TaskInput> | AsyncIterator<TaskInput>,
  total: number | undefined,
): TaskReader {
  let index = 0;
  const toTask = (step: IteratorResult<TaskInput>): IndexedTask | undefined =>
    step.done === true ? undefined : { index: index++, input: step.value };
  return {
    total,
    isArray: false,
    next: () => {
      const step = iterator.next();
      // A promise of another kind may return anything from its own `then`.
      return 'then' in step ? Promise.resolve(step).then(toTask) : toTask(step);
    },
    close: () => {
      // A source that fails while it is stopped has nothing more to say, and no caller waits for its promise.
      try {
        void Promise.resolve(iterator.return?.()).catch(() => {});
      } catch {}
    },
  };
}
