import { fieldOf } from '../errors/foreign.js';

/** Tasks between which the event loop may turn. */
const TASKS_PER_STEP = 1_024;

/**
 * The order in which a list of tasks is read: highest priority first, equal ones as they stand. `undefined` if that is
 * the list's own order. In steps, because a million tasks take longer than the event loop may stand still.
 *
 * @param taskAt Returns a task by its place. Each is read once: a getter may return something else each time.
 * @param otherwise Priority of tasks without one.
 */
export function* priorityOrder(
  length: number,
  taskAt: (index: number) => unknown,
  otherwise: number,
): Generator<void, Uint32Array | undefined> {
  const priorities = new Float64Array(length);
  const order = new Uint32Array(length);
  let isSorted = true;
  for (let index = 0; index < length; index += 1) {
    if (endsStep(index)) yield;
    order[index] = index;
    priorities[index] = priorityOf(taskAt(index), otherwise);
    isSorted &&= index === 0 || (priorities[index] as number) <= (priorities[index - 1] as number);
  }
  return isSorted ? undefined : yield* sortDescending(priorities, order);
}

function priorityOf(task: unknown, otherwise: number): number {
  const priority = fieldOf(task, 'priority');
  return typeof priority === 'number' && Number.isFinite(priority) ? priority : otherwise;
}

function endsStep(index: number): boolean {
  return index % TASKS_PER_STEP === TASKS_PER_STEP - 1;
}

/** A merge sort, because it keeps the order of equal ones and can pause anywhere. */
function* sortDescending(priorities: Float64Array, order: Uint32Array): Generator<void, Uint32Array> {
  const { length } = order;
  let from = order;
  let to: Uint32Array = new Uint32Array(length);
  for (let width = 1; width < length; width *= 2) {
    let left = 0;
    let leftEnd = 0;
    let right = 0;
    let rightEnd = 0;
    for (let index = 0; index < length; index += 1) {
      if (endsStep(index)) yield;
      if (index === rightEnd) {
        left = index;
        leftEnd = right = Math.min(left + width, length);
        rightEnd = Math.min(right + width, length);
      }
      if (right === rightEnd || (left < leftEnd && isUrgent(priorities, from, left, right))) {
        to[index] = from[left++] as number;
      } else to[index] = from[right++] as number;
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Whether the left one goes first; it does if both are equal. */
function isUrgent(priorities: Float64Array, order: Uint32Array, left: number, right: number): boolean {
  return (priorities[order[left] as number] as number) >= (priorities[order[right] as number] as number);
}
