import type { AgentContext, AgentFunction } from '../../src/contracts/agent.js';
import type { AgentReply } from '../../src/contracts/reply.js';
import type { StreamEvent } from '../../src/contracts/stream-event.js';
import { loopTurn } from '../../src/lifecycle/loop-turn.js';

export { httpError, rejection } from './scripted-agents.js';

/** One run of a {@link HeldAgent}, which goes on as the test says. */
export interface HeldRun {
  readonly task: string;
  readonly context: AgentContext;
  readonly signal: AbortSignal;
  answer(reply: AgentReply): void;
  fail(error: unknown): void;
}

/** An agent that answers when the test says so. It ends at once when its signal is aborted. */
export class HeldAgent {
  readonly runs: HeldRun[] = [];

  readonly run: AgentFunction = (task, context) =>
    new Promise<AgentReply>((answer, fail) => {
      const { signal } = context;
      signal.addEventListener('abort', () => fail(signal.reason));
      this.runs.push({ task, context, signal, answer, fail });
    });

  /** The run with this index. */
  at(index: number): HeldRun {
    const run = this.runs[index];
    if (run === undefined) throw new Error(`the agent was run ${this.runs.length} times`);
    return run;
  }
}

/** A streaming agent that gives the next piece when the test says so. */
export class HeldStream {
  /** Streams started. */
  started = 0;
  /** How the streams' signals ended. */
  readonly aborted: unknown[] = [];
  readonly #waiting: Array<{ item: string | StreamEvent | undefined; error?: unknown }> = [];
  #wake: () => void = () => {};

  readonly run: AgentFunction = (_task, { signal }) => {
    this.started += 1;
    signal.addEventListener('abort', () => {
      this.aborted.push(signal.reason);
      this.#wake();
    });
    return this.#pieces(signal);
  };

  /** Gives a piece. */
  give(...items: Array<string | StreamEvent>): void {
    for (const item of items) this.#waiting.push({ item });
    this.#wake();
  }

  /** Ends the stream. */
  end(): void {
    this.#waiting.push({ item: undefined });
    this.#wake();
  }

  /** Breaks the stream. */
  fail(error: unknown): void {
    this.#waiting.push({ item: undefined, error });
    this.#wake();
  }

  async *#pieces(signal: AbortSignal): AsyncGenerator<string | StreamEvent> {
    for (;;) {
      const next = this.#waiting.shift();
      if (signal.aborted) throw signal.reason;
      if (next?.error !== undefined) throw next.error;
      if (next !== undefined && next.item === undefined) return;
      if (next?.item !== undefined) yield next.item;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** Lets everything that can happen without time passing happen. */
export async function turn(turns = 3): Promise<void> {
  for (let taken = 0; taken < turns || loopTurn.deferred > 0; taken += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** All events of a stream. */
export async function eventsOf(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** A stream's text. */
export async function textOf(stream: { readonly text: AsyncIterable<string> }): Promise<string> {
  let text = '';
  for await (const piece of stream.text) text += piece;
  return text;
}
