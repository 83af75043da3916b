import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { BodyFault, DEFAULT_MAX_RESPONSE_BYTES } from './body-guard.js';

/** The `[DONE]` with which some servers end their event streams. */
export const END_MARK = Symbol('[DONE]');

/** The answer to a request for a stream: its events, or text that is no event stream. */
export type StreamedAnswer =
  | { readonly events: AsyncGenerator<object | typeof END_MARK, void, undefined> }
  | { readonly text: string };

/**
 * Reads the body of a streamed answer. What it is follows from how it begins, since gateways send event streams under
 * any content type; the JSON of the events is parsed whether or not they have a name.
 *
 * @param onChunk Called with every piece of the body, comments included.
 */
export async function readStreamedAnswer(
  body: AsyncIterable<Uint8Array>,
  onChunk: () => void,
): Promise<StreamedAnswer> {
  const texts = decode(body, onChunk);
  let start = '';
  while (!/\S{12}|\S\s*[:\n\r]/.test(start)) {
    const { done, value } = await texts.next();
    if (done === true) break;
    start += value;
  }
  if (/^\s*(data|event|id|retry)?\s*:/.test(start)) return { events: parseEvents(start, texts) };
  return { text: start + (await restOf(texts)) };
}

async function* decode(
  body: AsyncIterable<Uint8Array>,
  onChunk: () => void,
): AsyncGenerator<string, void, undefined> {
  // A byte order mark at the start is dropped.
  const decoder = new TextDecoder('utf-8');
  for await (const chunk of body) {
    onChunk();
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}

async function restOf(texts: AsyncIterable<string>): Promise<string> {
  const parts: string[] = [];
  let length = 0;
  for await (const text of texts) {
    length += text.length;
    if (length > DEFAULT_MAX_RESPONSE_BYTES) throw new BodyFault('too-large', DEFAULT_MAX_RESPONSE_BYTES);
    parts.push(text);
  }
  return parts.join('');
}

async function* parseEvents(
  start: string,
  texts: AsyncIterable<string>,
): AsyncGenerator<object | typeof END_MARK, void, undefined> {
  let messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => messages.push(message) });
  const take = (text: string): EventSourceMessage[] => {
    messages = [];
    parser.feed(text);
    return messages;
  };
  for (const message of take(start)) yield* toEvent(message);
  for await (const text of texts) for (const message of take(text)) yield* toEvent(message);
  // The last event may lack its blank line. If it lacks more than that, the stream was cut.
  for (const message of take('\n\n')) yield* toEvent(message, true);
}

/** No event for what says nothing: `null`, an empty string, a number. */
function* toEvent(
  { event: name, data }: EventSourceMessage,
  mayBeCut = false,
): Generator<object | typeof END_MARK, void, undefined> {
  const text = data.trim();
  if (text === '') return;
  if (text.startsWith('[DONE]')) {
    yield END_MARK;
    return;
  }
  const value = parse(text, name === 'error' || mayBeCut);
  if (name === 'error') yield asError(value ?? text);
  else if (typeof value !== 'object' || value === null) return;
  else yield name === undefined || 'type' in value || 'choices' in value ? value : { ...value, type: name };
}

function parse(text: string, mayBeText: boolean): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (mayBeText) return undefined;
    throw error;
  }
}

/** The data of an event that is called `error`, marked as one. */
function asError(value: unknown): object {
  const isMarked = typeof value === 'object' && value !== null && ('error' in value || 'type' in value);
  return isMarked ? value : { error: typeof value === 'object' ? value : { message: String(value) } };
}
