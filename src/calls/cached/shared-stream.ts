import type { StreamEvent } from '../../contracts/stream-event.js';
import { AsyncChannel } from '../../events/async-channel.js';
import { Broadcast } from '../../events/broadcast.js';
import { copyOf } from '../call-result.js';
import type { StreamSink } from '../stream-sink.js';

/** Events that may wait for the fastest reader before the agent is held back. */
const MAX_UNREAD_EVENTS = 16;

/** The events of a shared call: every reader gets all of them, whenever it joins. */
export class SharedStream implements StreamSink {
  started = false;
  text = '';
  /** All events so far; stored with the answer, so that it can be replayed. */
  readonly events: StreamEvent[] = [];
  readonly #channel = new AsyncChannel<StreamEvent>(MAX_UNREAD_EVENTS);
  // All events are kept for the cache anyway, so a slow reader loses none.
  readonly #broadcast = new Broadcast(() => iterate(this.#channel), {
    maxKeptItems: Number.MAX_SAFE_INTEGER,
  });
  #isDrained = false;

  push(event: StreamEvent): Promise<void> | undefined {
    this.started = true;
    if (event.type === 'text-delta') this.text += event.text;
    const own = frozenCopy(event);
    this.events.push(own);
    return this.#channel.write(own);
  }

  /** Nothing more comes. */
  end(error: Error | undefined): void {
    this.#channel.end(error);
  }

  /** Adds a reader, from the first event on. */
  subscribe(): AsyncIterable<StreamEvent> {
    return this.#broadcast.subscribe();
  }

  /** Takes events for a caller that wants only the outcome; without a reader the agent would be held back indefinitely. */
  drain(): void {
    if (this.#isDrained) return;
    this.#isDrained = true;
    void takeAll(this.subscribe());
  }
}

// All readers and the cache get the same event: neither an agent that uses its object again nor a reader that
// changes it may change what the others see.
function frozenCopy(event: StreamEvent): StreamEvent {
  if (event.type === 'usage') return Object.freeze({ ...event, usage: Object.freeze({ ...event.usage }) });
  if (event.type === 'tool-call') return Object.freeze({ ...event, input: copyOf(event.input) });
  return Object.freeze({ ...event });
}

async function* iterate<T>(channel: AsyncChannel<T>): AsyncGenerator<T, void, undefined> {
  for (let step = await channel.read(); step.done !== true; step = await channel.read()) yield step.value;
}

async function takeAll(events: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const _event of events);
  } catch {
    // What ended the stream is reported with the call's outcome.
  }
}
