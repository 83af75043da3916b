import { isPromiseLike } from '../calls/attempts/invoke-agent.js';
import type { TaskInput, TaskSource } from '../contracts/call.js';
import { TaskSourceError } from '../errors/execution-errors.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { describeValue } from '../input/describe-value.js';
import { loopTurn } from '../lifecycle/loop-turn.js';
import { priorityOrder } from './priority-order.js';

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
  /** Pending while the order of a long array is being established; `next` waits for it itself. */
  readonly ready: Promise<void> | undefined;
  /** The next task, now or later. */
  next(): IndexedTask | undefined | Promise<IndexedTask | undefined>;
  /** Tells the source that nothing more will be read. */
  close(): void;
}

/**
 * Opens a source of tasks.
 *
 * @param priority That of tasks that name none; `undefined` to read arrays in their own order.
 * @throws {@link InvalidArgumentError} when it cannot be iterated.
 * @throws {@link TaskSourceError} when it fails to begin.
 */
export function openTaskReader(source: TaskSource, priority: number | undefined): TaskReader {
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
function openReader(source: object, priority: number | undefined): TaskReader | undefined {
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

function readArray(tasks: readonly TaskInput[], priority: number | undefined): TaskReader {
  let order: Uint32Array | undefined;
  let position = 0;
  const next = (): IndexedTask | undefined => {
    if (position >= tasks.length) return undefined;
    const index = order === undefined ? position : (order[position] as number);
    position += 1;
    return { index, input: elementOf(tasks, index) };
  };
  const establish = (found: Uint32Array | undefined): void => {
    order = found;
    reader.ready = undefined;
  };
  const reader: { -readonly [Field in keyof TaskReader]: TaskReader[Field] } = {
    total: tasks.length,
    isArray: true,
    ready: undefined,
    next: () => reader.ready?.then(next) ?? next(),
    close: () => {},
  };
  if (priority === undefined) return reader;
  const found = loopTurn.runSteps(priorityOrder(tasks.length, (index) => elementOf(tasks, index), priority));
  if (isPromiseLike(found)) reader.ready = found.then(establish);
  else establish(found);
  return reader;
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
    ready: undefined,
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
