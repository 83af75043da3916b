import type { AgentFunction, StreamEvent } from '../../src/index.js';

/** Everything that the stream gives. */
export async function eventsOf(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** The pieces of a stream of text, put together. */
export async function textOf(stream: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
}

/** Streams a number of pieces. */
export const counting = (pieces: number): AgentFunction =>
  async function* () {
    for (let piece = 1; piece <= pieces; piece += 1) yield `${piece} `;
  };

/** Streams one event of every kind. */
export const withEvents: AgentFunction = async function* () {
  yield { type: 'reasoning-delta', text: 'hm' } as const;
  yield 'Hello, ';
  yield { type: 'text-delta', text: 'world' } as const;
  yield { type: 'tool-call', id: '1', name: 'look', input: { at: 'x' } } as const;
  yield { type: 'usage', usage: { inputTokens: 1 } } as const;
  yield { type: 'usage', usage: { inputTokens: 3, outputTokens: 4 } } as const;
  yield { type: 'finish', finishReason: 'length' } as const;
};
