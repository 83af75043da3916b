// Four children per node: fewer levels than a binary heap, and the four priorities share a cache line.
const ARITY = 4;
const FIRST_CAPACITY = 64;

/**
 * A min-heap of numbers whose members can be changed and removed by the handle that `push` returned.
 *
 * Every operation is O(log n). Handles are small integers, reused once their member has been removed. All data is in
 * typed arrays, so moving a member touches no object.
 */
export class IndexedHeap {
  #priorities = new Float64Array(FIRST_CAPACITY);
  #handles = new Uint32Array(FIRST_CAPACITY);
  #positions = new Int32Array(FIRST_CAPACITY).fill(-1);
  #freeHandles: number[] = [];
  #nextHandle = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a member; returns its handle. */
  push(priority: number): number {
    if (this.#size === this.#priorities.length) this.#grow();
    const handle = this.#freeHandles.pop() ?? this.#nextHandle++;
    this.#size += 1;
    this.#rise(this.#size - 1, priority, handle);
    return handle;
  }

  /** The handle of a member with the smallest priority. */
  peek(): number | undefined {
    return this.#size === 0 ? undefined : this.#handles[0];
  }

  /** A member's priority; `undefined` if there is no such member. */
  priorityOf(handle: number): number | undefined {
    const position = this.#positionOf(handle);
    return position < 0 ? undefined : this.#priorities[position];
  }

  /** Changes a member's priority; returns whether there is such a member. */
  update(handle: number, priority: number): boolean {
    const position = this.#positionOf(handle);
    if (position < 0) return false;
    if (priority < (this.#priorities[position] as number)) this.#rise(position, priority, handle);
    else this.#sink(position, priority, handle);
    return true;
  }

  /** Removes a member; returns whether there was one. */
  remove(handle: number): boolean {
    const position = this.#positionOf(handle);
    if (position < 0) return false;
    this.#positions[handle] = -1;
    this.#freeHandles.push(handle);
    this.#size -= 1;
    const last = this.#size;
    if (position === last) return true;
    const priority = this.#priorities[last] as number;
    const moved = this.#handles[last] as number;
    if (priority < (this.#priorities[position] as number)) this.#rise(position, priority, moved);
    else this.#sink(position, priority, moved);
    return true;
  }

  /** Removes all members and releases their memory. */
  clear(): void {
    this.#priorities = new Float64Array(FIRST_CAPACITY);
    this.#handles = new Uint32Array(FIRST_CAPACITY);
    this.#positions = new Int32Array(FIRST_CAPACITY).fill(-1);
    this.#freeHandles = [];
    this.#nextHandle = 0;
    this.#size = 0;
  }

  #positionOf(handle: number): number {
    return this.#positions[handle] ?? -1;
  }

  #rise(from: number, priority: number, handle: number): void {
    const priorities = this.#priorities;
    const handles = this.#handles;
    const positions = this.#positions;
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 2;
      const above = priorities[parent] as number;
      if (above <= priority) break;
      const parentHandle = handles[parent] as number;
      priorities[position] = above;
      handles[position] = parentHandle;
      positions[parentHandle] = position;
      position = parent;
    }
    priorities[position] = priority;
    handles[position] = handle;
    positions[handle] = position;
  }

  #sink(from: number, priority: number, handle: number): void {
    const priorities = this.#priorities;
    const handles = this.#handles;
    const positions = this.#positions;
    const size = this.#size;
    let position = from;
    for (;;) {
      const first = position * ARITY + 1;
      if (first >= size) break;
      const end = first + ARITY < size ? first + ARITY : size;
      let smallest = first;
      let below = priorities[first] as number;
      for (let child = first + 1; child < end; child += 1) {
        const candidate = priorities[child] as number;
        if (candidate < below) {
          below = candidate;
          smallest = child;
        }
      }
      if (below >= priority) break;
      const childHandle = handles[smallest] as number;
      priorities[position] = below;
      handles[position] = childHandle;
      positions[childHandle] = position;
      position = smallest;
    }
    priorities[position] = priority;
    handles[position] = handle;
    positions[handle] = position;
  }

  #grow(): void {
    const capacity = this.#priorities.length * 2;
    const priorities = new Float64Array(capacity);
    priorities.set(this.#priorities);
    this.#priorities = priorities;
    const handles = new Uint32Array(capacity);
    handles.set(this.#handles);
    this.#handles = handles;
    const positions = new Int32Array(capacity).fill(-1);
    positions.set(this.#positions);
    this.#positions = positions;
  }
}
