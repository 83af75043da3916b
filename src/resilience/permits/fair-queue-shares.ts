import { IndexedHeap } from '../../collections/indexed-heap.js';

/** Somebody who shares, with what waits for him. */
export interface Share<Content> {
  readonly name: string;
  readonly content: Content;
  /** Virtual time at which his last service ends. */
  finish: number;
  /** His place in the heap while something waits for him. */
  handle: number | undefined;
}

/** Idle sharers that are remembered before they are looked through for ones to forget. */
const FIRST_SWEEP = 1_024;

/**
 * Divides service among sharers by weight: start-time fair queuing, after P. Goyal, H. M. Vin and H. Chen,
 * "Start-time Fair Queuing", 1996. Each sharer has a virtual time that advances by 1 / weight with each service;
 * the one who is furthest behind is next. Whoever was idle starts at the present and cannot claim the past.
 */
export class FairShares<Content> {
  readonly #shares = new Map<string, Share<Content>>();
  readonly #byHandle: Array<Share<Content> | undefined> = [];
  readonly #heap = new IndexedHeap();
  readonly #weightOf: (name: string) => number;
  readonly #create: (name: string) => Content;
  #virtualNow = 0;
  #sweepAt = FIRST_SWEEP;

  constructor(weightOf: (name: string) => number, create: (name: string) => Content) {
    this.#weightOf = weightOf;
    this.#create = create;
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#heap.size === 0;
  }

  /** The sharer of that name, now waiting. */
  enter(name: string): Share<Content> {
    const share = this.#shares.get(name) ?? this.#add(name);
    if (share.handle !== undefined) return share;
    share.finish = Math.max(share.finish, this.#virtualNow);
    share.handle = this.#heap.push(share.finish);
    this.#byHandle[share.handle] = share;
    return share;
  }

  /** Whoever is next. */
  next(): Share<Content> | undefined {
    const handle = this.#heap.peek();
    return handle === undefined ? undefined : this.#byHandle[handle];
  }

  /** The sharer was served once. */
  served(share: Share<Content>): void {
    this.#virtualNow = Math.max(this.#virtualNow, share.finish);
    share.finish += 1 / this.#weightOf(share.name);
    if (share.handle !== undefined) this.#heap.update(share.handle, share.finish);
  }

  /** Nothing waits for the sharer any more. */
  leave(share: Share<Content>): void {
    if (share.handle === undefined) return;
    this.#heap.remove(share.handle);
    this.#byHandle[share.handle] = undefined;
    share.handle = undefined;
  }

  #add(name: string): Share<Content> {
    if (this.#shares.size >= this.#sweepAt) this.#sweep();
    const share = { name, content: this.#create(name), finish: 0, handle: undefined };
    this.#shares.set(name, share);
    return share;
  }

  /** Forgets sharers who are idle and owe nothing. Doubling the mark keeps the cost of sweeping constant a sharer. */
  #sweep(): void {
    for (const [name, share] of this.#shares) {
      if (share.handle === undefined && share.finish <= this.#virtualNow) this.#shares.delete(name);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#shares.size);
  }
}
