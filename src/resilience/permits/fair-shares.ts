import { IndexedHeap } from '../../collections/indexed-heap.js';

/** A tenant or agent that takes part, with its waiting items. */
export interface Share<Content> {
  readonly name: string;
  readonly content: Content;
  /** Virtual time at which its last service ends. */
  finish: number;
  /** Its handle in the heap while it has waiting items. */
  handle: number | undefined;
}

/** Number of remembered shares from which on idle ones are removed. */
const FIRST_SWEEP = 1_024;

/**
 * Divides service between shares by weight: start-time fair queuing, after P. Goyal, H. M. Vin and H. Chen,
 * "Start-time Fair Queuing", 1996. Each share has a virtual time that advances by 1 / weight with each service; the
 * share that is furthest behind is next. A share that was idle starts at the present and cannot claim past service.
 */
export class FairShares<Content> {
  readonly #shares = new Map<string, Share<Content>>();
  #byHandle: Array<Share<Content> | undefined> = [];
  readonly #heap = new IndexedHeap();
  readonly #weightOf: (name: string) => number;
  readonly #create: (name: string) => Content;
  #virtualNow = 0;
  #sweepAt = FIRST_SWEEP;
  /** The largest virtual time of any share. */
  #latestFinish = 0;

  constructor(weightOf: (name: string) => number, create: (name: string) => Content) {
    this.#weightOf = weightOf;
    this.#create = create;
  }

  /** Whether no share has waiting items. */
  get isEmpty(): boolean {
    return this.#heap.size === 0;
  }

  /** The share of that name, which has waiting items from now on. */
  enter(name: string): Share<Content> {
    const share = this.#shares.get(name) ?? this.#add(name);
    if (share.handle !== undefined) return share;
    share.finish = Math.max(share.finish, this.#virtualNow);
    share.handle = this.#heap.push(share.finish);
    this.#byHandle[share.handle] = share;
    return share;
  }

  /** The share to serve next. */
  next(): Share<Content> | undefined {
    const handle = this.#heap.peek();
    return handle === undefined ? undefined : this.#byHandle[handle];
  }

  /** The contents of all shares that are remembered. */
  *contents(): Generator<Content, void, undefined> {
    for (const { content } of this.#shares.values()) yield content;
  }

  /** Charges one service to the share. */
  served(share: Share<Content>): void {
    this.#virtualNow = Math.max(this.#virtualNow, share.finish);
    share.finish += 1 / this.#weightOf(share.name);
    this.#latestFinish = Math.max(this.#latestFinish, share.finish);
    if (share.handle !== undefined) this.#heap.update(share.handle, share.finish);
  }

  /** The share has no waiting items any more. */
  leave(share: Share<Content>): void {
    if (share.handle === undefined) return;
    this.#heap.remove(share.handle);
    this.#byHandle[share.handle] = undefined;
    share.handle = undefined;
    if (this.isEmpty) this.#startAgain();
  }

  /** Once nothing waits, every share is at the present, so none has to be remembered. */
  #startAgain(): void {
    this.#virtualNow = this.#latestFinish;
    if (this.#shares.size < FIRST_SWEEP) return;
    this.#shares.clear();
    this.#sweepAt = FIRST_SWEEP;
    this.#heap.clear();
    this.#byHandle = [];
  }

  #add(name: string): Share<Content> {
    if (this.#shares.size >= this.#sweepAt) this.#sweep();
    const share = { name, content: this.#create(name), finish: 0, handle: undefined };
    this.#shares.set(name, share);
    return share;
  }

  /** Removes idle shares that are not ahead of the others. Doubling the threshold keeps sweeping O(1) per share. */
  #sweep(): void {
    for (const [name, share] of this.#shares) {
      if (share.handle === undefined && share.finish <= this.#virtualNow) this.#shares.delete(name);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#shares.size);
  }
}
