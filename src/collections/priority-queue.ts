import { IndexedHeap } from './indexed-heap.js';

/** What can wait in a {@link PriorityQueue}. It carries its own links, so waiting allocates nothing. */
export abstract class QueueNode {
  /** Higher leaves first. Must not change while it waits. */
  abstract readonly priority: number;
  /** When it began to wait, in milliseconds of its owner's clock. */
  abstract readonly queuedAtMs: number;
  /** Those of its priority; `undefined` when it does not wait. @internal */
  peers: Peers | undefined = undefined;
  /** @internal */
  before: QueueNode | undefined = undefined;
  /** @internal */
  after: QueueNode | undefined = undefined;
}

/** All that wait with one priority, first come first. @internal */
export interface Peers {
  readonly priority: number;
  first: QueueNode;
  last: QueueNode;
  /** Its handle in the heap by priority. */
  readonly rank: number;
  /** Its handle in the heap by the age of its first. */
  readonly age: number;
}

/**
 * A stable priority queue whose eldest member can be found too, whatever its priority. Adding, taking and
 * removing are O(log p) with p distinct priorities waiting, of which there are few.
 */
export class PriorityQueue<Node extends QueueNode> {
  /** How many wait. */
  size = 0;
  readonly #peersOf = new Map<number, Peers>();
  readonly #ranks = new IndexedHeap();
  readonly #ages = new IndexedHeap();
  readonly #byRank: Peers[] = [];
  readonly #byAge: Peers[] = [];

  /** Adds a node behind all of its priority. */
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

  /** The first of the highest priority, without taking it. */
  peek(): Node | undefined {
    const top = this.#ranks.peek();
    return top === undefined ? undefined : (this.#byRank[top]?.first as Node);
  }

  /** The first of its priority that has waited longest, without taking it. */
  peekEldest(): Node | undefined {
    const top = this.#ages.peek();
    return top === undefined ? undefined : (this.#byAge[top]?.first as Node);
  }

  /** Takes a node out, wherever it stands. Says whether it was waiting. */
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
