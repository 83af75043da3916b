/** What can wait in a {@link PriorityQueue}. It carries its own links, so waiting allocates nothing. */
export interface QueueNode {
  /** Higher leaves first. */
  readonly priority: number;
  /** @internal */
  links: QueueLinks | undefined;
}

/** A waiting node's place in its two lists. */
export interface QueueLinks {
  bucket: Bucket;
  peerBefore: QueueNode | undefined;
  peerAfter: QueueNode | undefined;
  elder: QueueNode | undefined;
  younger: QueueNode | undefined;
}

interface Bucket {
  readonly priority: number;
  first: QueueNode | undefined;
  last: QueueNode | undefined;
}

/**
 * A stable priority queue whose oldest member can be found too, whatever its priority. Taking and removing are
 * O(1) plus O(log p) where one of p distinct priorities appears or vanishes.
 */
export class PriorityQueue<Node extends QueueNode> {
  /** How many wait. */
  size = 0;
  readonly #buckets = new Map<number, Bucket>();
  // Distinct priorities, ascending; there are few, and the highest is taken off the end.
  readonly #priorities: number[] = [];
  #eldest: QueueNode | undefined = undefined;
  #youngest: QueueNode | undefined = undefined;

  /** Adds a node behind all of its priority. */
  push(node: Node): void {
    const bucket = this.#buckets.get(node.priority) ?? this.#openBucket(node.priority);
    node.links = {
      bucket,
      peerBefore: bucket.last,
      peerAfter: undefined,
      elder: this.#youngest,
      younger: undefined,
    };
    if (bucket.last === undefined) bucket.first = node;
    else linksOf(bucket.last).peerAfter = node;
    bucket.last = node;
    if (this.#youngest === undefined) this.#eldest = node;
    else linksOf(this.#youngest).younger = node;
    this.#youngest = node;
    this.size += 1;
  }

  /** The first of the highest priority, without taking it. */
  peek(): Node | undefined {
    const highest = this.#priorities.at(-1);
    return highest === undefined ? undefined : (this.#buckets.get(highest)?.first as Node);
  }

  /** The one that has waited longest, without taking it. */
  peekEldest(): Node | undefined {
    return this.#eldest as Node | undefined;
  }

  /** Takes a node out, wherever it stands. Says whether it was waiting. */
  delete(node: Node): boolean {
    const { links } = node;
    if (links === undefined) return false;
    node.links = undefined;
    const { bucket, peerBefore, peerAfter, elder, younger } = links;
    if (peerBefore === undefined) bucket.first = peerAfter;
    else linksOf(peerBefore).peerAfter = peerAfter;
    if (peerAfter === undefined) bucket.last = peerBefore;
    else linksOf(peerAfter).peerBefore = peerBefore;
    if (elder === undefined) this.#eldest = younger;
    else linksOf(elder).younger = younger;
    if (younger === undefined) this.#youngest = elder;
    else linksOf(younger).elder = elder;
    if (bucket.first === undefined) this.#closeBucket(bucket);
    this.size -= 1;
    return true;
  }

  #openBucket(priority: number): Bucket {
    const bucket: Bucket = { priority, first: undefined, last: undefined };
    this.#buckets.set(priority, bucket);
    this.#priorities.splice(this.#positionOf(priority), 0, priority);
    return bucket;
  }

  #closeBucket(bucket: Bucket): void {
    this.#buckets.delete(bucket.priority);
    this.#priorities.splice(this.#positionOf(bucket.priority), 1);
  }

  /** Where the priority stands, or would stand, in the ascending list. */
  #positionOf(priority: number): number {
    let low = 0;
    let high = this.#priorities.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#priorities[middle] as number) < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function linksOf(node: QueueNode): QueueLinks {
  return node.links as QueueLinks;
}
