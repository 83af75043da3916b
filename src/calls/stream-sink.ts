import type { StreamEvent } from '../contracts/stream-event.js';

/** Where the events of a streamed call go. */
export interface StreamSink {
  /** Whether an event has gone out that another attempt would repeat; then no other attempt may be made. */
  started: boolean;
  /** All text that has gone out. */
  readonly text: string;
  /** Takes an event. A promise means: wait for it before the next one, the reader is behind. */
  push(event: StreamEvent): Promise<void> | undefined;
}
