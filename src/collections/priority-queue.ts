import { IndexedHeap } from './indexed-heap.js';

/** A member of a {@link PriorityQueue}. It contains its own links, so adding it allocates nothing. */
export abstract class QueueNode {
  /** Higher goes first. Must not change while it is in the queue. */
  abstract readonly priority: number;
  /** When it began to wait, in milliseconds of its owner's clock. The oldest member is found by it. */
  abstract readonly queuedAtMs: number;
  /** The members of its priority; `undefined` while it is in no queue. @internal */
  peers: Peers | undefined = undefined;
  /** @internal */
  before: QueueNode | undefined = undefined;
  /** @internal */
  after: QueueNode | undefined = undefined;
}

/** All members of one priority, in order of arrival. @internal */
export interface Peers {
  readonly priority: number;
  first: QueueNode;
  last: QueueNode;
  /** Handle in the heap of priorities. */
  readonly rank: number;
  /** Handle in the heap of ages, which has the age of the first member. */
  readonly age: number;
}

/**
 * A stable priority queue that also finds its oldest member, whatever its priority. Adding and removing are O(log p)
 * for p distinct priorities in the queue, of which there are few.
 */
export class PriorityQueue<Node extends QueueNode> {
  size = 0;
  readonly #peersOf = new Map<number, Peers>();
  readonly #ranks = new IndexedHeap();
  readonly #ages = new IndexedHeap();
  readonly #byRank: Peers[] = [];
  readonly #byAge: Peers[] = [];

  /** Adds a node behind all others of its priority. */
  push(node: Node): void {
    this.size += 1;
    const peers = this.#peersOf.get(node.priority);
    if (peers === undefined) {
      this.#open(node);
      return;
    }
    node.peers = peers;
    node.before = peers.last;
    peers.last.after = node;
    peers.last = node;
  }

  /** The first node of the highest priority, which stays in the queue. */
  peek(): Node | undefined {
    const top = this.#ranks.peek();
    return top === undefined ? undefined : (this.#byRank[top]?.first as Node);
  }

  /** The node that has waited longest, which stays in the queue. */
  peekOldest(): Node | undefined {
    const top = this.#ages.peek();
    return top === undefined ? undefined : (this.#byAge[top]?.first as Node);
  }

  /** Removes a node, wherever it is in the queue. Returns whether it was in it. */
  delete(node: Node): boolean {
    const { peers, before, after } = node;
    if (peers === undefined) return false;
    node.peers = undefined;
    node.before = undefined;
    node.after = undefined;
    this.size -= 1;
    if (before !== undefined) before.after = after;
    if (after !== undefined) after.before = before;
    if (after === undefined && before === undefined) this.#close(peers);
    else if (after === undefined) peers.last = before as QueueNode;
    else if (before === undefined) this.#lead(peers, after);
    return true;
  }

  #open(node: Node): void {
    const { priority } = node;
    const rank = this.#ranks.push(-priority);
    const age = this.#ages.push(node.queuedAtMs);
    const peers: Peers = { priority, first: node, last: node, rank, age };
    this.#peersOf.set(priority, peers);
    this.#byRank[rank] = peers;
    this.#byAge[age] = peers;
    node.peers = peers;
  }

  #close(peers: Peers): void {
    this.#peersOf.delete(peers.priority);
    this.#ranks.remove(peers.rank);
    this.#ages.remove(peers.age);
  }

  #lead(peers: Peers, node: QueueNode): void {
    peers.first = node;
    this.#ages.update(peers.age, node.queuedAtMs);
  }
}
