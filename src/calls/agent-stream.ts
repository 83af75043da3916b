import type { OutputSchema } from '../contracts/output-schema.js';
import type { AgentResult, CallOutcome, TextResult } from '../contracts/result.js';
import type { StreamEvent } from '../contracts/stream-event.js';
import type { Usage } from '../contracts/usage.js';
import { StreamConsumedError } from '../errors/execution-errors.js';
import { AsyncChannel } from '../events/async-channel.js';
import { LazyModule } from '../lifecycle/lazy-module.js';
import type { ObjectReader } from '../output/object-reader.js';
import type { CallRequest } from './call.js';
import { SubmittedCall, submitCall } from './call-path.js';
import type { StreamSink } from './stream-sink.js';

/** Reads values while they grow: for streams of agents with an `output` schema. */
export const objectReaderCode = new LazyModule(() => import('../output/object-reader.js'));

/** Events that may wait for a slow reader before the agent is held back. */
const MAX_UNREAD_EVENTS = 16;

/**
 * A call whose answer comes piece by piece. Iterate over it for the events, over `text` for the text alone, or
 * await `result`; the events can be read once.
 *
 * A slow reader holds the agent back. When only `result` is awaited the events are dropped as they come. Leaving
 * the loop early (`break`) cancels the call.
 *
 * @typeParam Result Type of its result.
 */
export class AgentStream<Result extends TextResult = AgentResult>
  implements AsyncIterable<StreamEvent>, AsyncDisposable
{
  readonly #call: StreamCall;
  readonly #sink: ChannelSink;
  readonly #outcome: Promise<CallOutcome>;
  #result: Promise<Result> | undefined = undefined;

  /** @internal */
  constructor(request: CallRequest) {
    this.#sink = new ChannelSink(request.registered.definition.output);
    let settled!: (outcome: CallOutcome) => void;
    this.#outcome = new Promise((resolve) => {
      settled = resolve;
    });
    this.#call = new StreamCall(request, this.#sink, settled);
    submitCall(this.#call);
  }

  /** The call's id. */
  get callId(): string {
    return this.#call.callId;
  }

  /** The whole result, once the stream is complete. Rejects with the `TuttiError` that ended it otherwise. */
  get result(): Promise<Result> {
    if (this.#result === undefined) {
      this.#sink.resultWanted();
      this.#result = this.#outcome.then((outcome) => {
        if (outcome.success) return outcome as TextResult as Result;
        throw outcome.error;
      });
      // A caller that only iterates learns of a failure there.
      this.#result.catch(() => {});
    }
    return this.#result;
  }

  /** The answer's text, piece by piece. Reads the same events as iterating over the stream itself. */
  get text(): AsyncIterable<string> {
    const events = this[Symbol.asyncIterator]();
    // Not a generator: one that is left before its first step would not tell that it was.
    const texts: AsyncIterator<string, undefined> = {
      next: () => nextText(events),
      return: async () => {
        await events.return?.();
        return { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => texts };
  }

  /** Cancels the call: its agent's signal is aborted, the reader gets a `CancelledError`. */
  cancel(reason?: unknown): void {
    this.#call.cancelBecause('the stream was cancelled', ...(reason === undefined ? [] : [reason]));
  }

  /**
   * The events. For one reader, once.
   *
   * @throws {@link StreamConsumedError} when they have been read or dropped already.
   */
  [Symbol.asyncIterator](): AsyncIterator<StreamEvent, undefined> {
    const channel = this.#sink.openForReading(this.#call.agent);
    return {
      next: () => channel.read(),
      return: async () => {
        // The channel first: a call that still waits ends at once, and a reader that has left learns nothing of it.
        channel.clear();
        channel.end();
        this.#call.cancelBecause('its reader left the stream');
        return { done: true, value: undefined };
      },
    };
  }

  /** Cancels the call if it still runs, and waits until it has settled. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.#outcome;
  }
}

async function nextText(
  events: AsyncIterator<StreamEvent, undefined>,
): Promise<IteratorResult<string, undefined>> {
  for (;;) {
    const step = await events.next();
    if (step.done === true) return step;
    if (step.value.type === 'text-delta') return { done: false, value: step.value.text };
  }
}

class StreamCall extends SubmittedCall {
  readonly #sink: ChannelSink;
  readonly #settled: (outcome: CallOutcome) => void;

  constructor(request: CallRequest, sink: ChannelSink, settled: (outcome: CallOutcome) => void) {
    super(request);
    this.#sink = sink;
    this.#settled = settled;
  }

  /** None where a hook may replace the answer: it is given out in one piece, once that is done. */
  override get sink(): ChannelSink | undefined {
    return this.registered.hooks?.replaceResults === true ? undefined : this.#sink;
  }

  override deliver(events: Iterable<StreamEvent> | AsyncIterable<StreamEvent>): Promise<void> | undefined {
    return this.sink === undefined ? undefined : this.#pushAll(events);
  }

  async #pushAll(events: Iterable<StreamEvent> | AsyncIterable<StreamEvent>): Promise<void> {
    try {
      for await (const event of events) {
        if (this.reason !== undefined) return;
        const readerIsBehind = this.#sink.push(event);
        if (readerIsBehind !== undefined) await readerIsBehind;
      }
    } catch {
      // What ended a shared stream is reported with its outcome.
    }
  }

  protected deliverOutcome(outcome: CallOutcome): void {
    if (outcome.success) this.#sink.finish(outcome);
    else this.#sink.fail(outcome.error);
    this.#settled(outcome);
  }
}

/** Passes events to a reader; drops them when there is no reader but the result is awaited. */
class ChannelSink implements StreamSink {
  started = false;
  text = '';
  readonly #channel = new AsyncChannel<StreamEvent>(MAX_UNREAD_EVENTS);
  #isRead = false;
  #isDropping = false;
  #isResultWanted = false;
  #hasUsage = false;
  #hasFinish = false;
  readonly #schema: OutputSchema | undefined;
  #objects: ObjectReader | undefined = undefined;

  constructor(schema: OutputSchema | undefined) {
    this.#schema = schema;
  }

  push(event: StreamEvent): Promise<void> | undefined {
    this.started = true;
    if (event.type === 'text-delta') this.text += event.text;
    if (event.type === 'usage') this.#hasUsage = true;
    if (event.type === 'finish') this.#hasFinish = true;
    if (this.#isDropping) return undefined;
    const partial = this.#schema === undefined ? undefined : this.#partialAfter(event, this.#schema);
    if (partial === undefined) return this.#write(event);
    const object: StreamEvent = { type: 'object', partial };
    // A complete value comes before the end, one that grows after its piece.
    const [first, second] = event.type === 'finish' ? [object, event] : [event, object];
    const readerIsBehind = this.#write(first);
    return this.#write(second) ?? readerIsBehind;
  }

  #write(event: StreamEvent): Promise<void> | undefined {
    const readerIsBehind = this.#channel.write(event);
    if (readerIsBehind !== undefined) this.#dropUnread();
    return readerIsBehind;
  }

  /** The value so far, where an event adds to it. */
  #partialAfter(event: StreamEvent, schema: OutputSchema): unknown {
    if (event.type === 'finish') return this.#objects?.end();
    if (event.type !== 'text-delta' || objectReaderCode.loaded === undefined) return undefined;
    this.#objects ??= new objectReaderCode.loaded.ObjectReader(schema);
    return this.#objects.add(event.text);
  }

  /** The call has worked. An agent that does not stream gives its answer as one piece. */
  finish(result: AgentResult): void {
    if (this.text === '' && result.output !== '') void this.push({ type: 'text-delta', text: result.output });
    const { usage } = result;
    if (!this.#hasUsage && isAnythingUsed(usage)) void this.push({ type: 'usage', usage });
    if (!this.#hasFinish) void this.push({ type: 'finish', finishReason: result.finishReason ?? 'stop' });
    this.#channel.end();
  }

  fail(error: Error): void {
    this.#channel.end(error);
  }

  resultWanted(): void {
    this.#isResultWanted = true;
    this.#dropUnread();
  }

  openForReading(agent: string): AsyncChannel<StreamEvent> {
    if (this.#isRead || this.#isDropping) throw new StreamConsumedError(agent);
    this.#isRead = true;
    return this.#channel;
  }

  /** Without a reader the events would never be taken, and the result would never come. */
  #dropUnread(): void {
    if (this.#isRead || !this.#isResultWanted || this.#channel.size < MAX_UNREAD_EVENTS) return;
    // A reader may still come before the next microtask: `Promise.all([stream.result, show(stream)])`.
    queueMicrotask(() => {
      if (this.#isRead) return;
      this.#isDropping = true;
      this.#channel.clear();
    });
  }
}

function isAnythingUsed({ inputTokens = 0, outputTokens = 0, totalTokens = 0 }: Usage): boolean {
  return inputTokens > 0 || outputTokens > 0 || totalTokens > 0;
}
