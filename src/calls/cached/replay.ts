import type { CacheStorage } from '../../contracts/cache-storage.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import { type Cancellable, CancelScope } from '../../time/cancel-scope.js';
import type { Clock } from '../../time/clock.js';
import { sleep } from '../../time/sleep.js';

/** Between two events of a paced replay, in milliseconds: about as quick as a model writes. */
const PACE_MS = 20;

/** A stored stream that is replayed, at once or piece by piece. */
export class Replay implements Cancellable {
  /** The events, as fast as they are to be read. */
  readonly events: Iterable<StreamEvent> | AsyncIterable<StreamEvent>;
  readonly #scope = new CancelScope();

  constructor(events: readonly StreamEvent[], pace: CacheStorage['replay'], clock: Clock) {
    this.events = pace === 'paced' ? this.#paced(events, clock) : events;
  }

  /** Ends the pause it is in; no other event comes. */
  cancel(reason: Error): void {
    this.#scope.cancel(reason);
  }

  async *#paced(events: readonly StreamEvent[], clock: Clock): AsyncGenerator<StreamEvent, void, undefined> {
    for (const [place, event] of events.entries()) {
      if (place > 0) await sleep(PACE_MS, clock, this.#scope);
      yield event;
    }
  }
}
