import type { FinishReason } from '../../contracts/usage.js';
import type { FullAnswer } from './scripted-answer.js';
import type { Wire } from './wire.js';

const STOP_REASONS: Partial<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  refusal: 'refusal',
};

/** The Anthropic Messages API. */
export const messagesWire: Wire = {
  json: (answer) => ({
    id: 'msg_scripted',
    type: 'message',
    role: 'assistant',
    model: answer.modelName,
    content: [
      ...(answer.reasoning === undefined
        ? []
        : [{ type: 'thinking', thinking: answer.reasoning.join(''), signature: 'signed' }]),
      ...textBlocks([...answer.pieces].join(''), answer),
      ...answer.calls.map(({ id, name, input }) => ({ type: 'tool_use', id, name, input })),
    ],
    stop_reason: STOP_REASONS[answer.finish] ?? 'unheard_of',
    stop_sequence: null,
    usage: usageBody(answer),
  }),
  events: messageEvents,
  error: ({ type, message }) => ({ type: 'error', error: { type, message }, request_id: 'req_scripted' }),
  errorEvent: (error) => frame('error', messagesWire.error(error)),
};

function textBlocks(text: string, answer: FullAnswer): object[] {
  return text === '' && answer.calls.length > 0 ? [] : [{ type: 'text', text }];
}

function usageBody({ tokens }: FullAnswer): { readonly [count: string]: unknown; output_tokens: number } {
  return {
    input_tokens: tokens.inputTokens,
    output_tokens: tokens.outputTokens,
    cache_read_input_tokens: tokens.cacheReadTokens,
    cache_creation_input_tokens: tokens.cacheWriteTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: tokens.cacheWriteTokens - tokens.cacheWrite1hTokens,
      ephemeral_1h_input_tokens: tokens.cacheWrite1hTokens,
    },
  };
}

function* messageEvents(answer: FullAnswer): Generator<string> {
  const usage = usageBody(answer);
  const message = {
    id: 'msg_scripted',
    type: 'message',
    role: 'assistant',
    model: answer.modelName,
    content: [],
    stop_reason: null,
    usage: { ...usage, output_tokens: 1 },
  };
  yield frame('message_start', { type: 'message_start', message });
  yield frame('ping', { type: 'ping' });
  let index = 0;
  if (answer.reasoning !== undefined) yield* reasoningBlock(index++, answer.reasoning);
  yield* textBlock(index++, answer.pieces);
  for (const call of answer.calls) yield* toolBlock(index++, call);
  yield frame('message_delta', {
    type: 'message_delta',
    delta: { stop_reason: STOP_REASONS[answer.finish] ?? 'unheard_of', stop_sequence: null },
    usage: { output_tokens: usage.output_tokens },
  });
  yield frame('message_stop', { type: 'message_stop' });
}

function* reasoningBlock(index: number, pieces: readonly string[]): Generator<string> {
  yield start(index, { type: 'thinking', thinking: '', signature: '' });
  for (const thinking of pieces) yield delta(index, { type: 'thinking_delta', thinking });
  yield delta(index, { type: 'signature_delta', signature: 'signed' });
  yield stop(index);
}

function* textBlock(index: number, pieces: Iterable<string>): Generator<string> {
  yield start(index, { type: 'text', text: '' });
  for (const text of pieces) yield delta(index, { type: 'text_delta', text });
  yield stop(index);
}

function* toolBlock(index: number, call: FullAnswer['calls'][number]): Generator<string> {
  const { id, name, argumentsText } = call;
  const middle = Math.ceil(argumentsText.length / 2);
  yield start(index, { type: 'tool_use', id, name, input: {} });
  yield delta(index, { type: 'input_json_delta', partial_json: argumentsText.slice(0, middle) });
  yield delta(index, { type: 'input_json_delta', partial_json: argumentsText.slice(middle) });
  yield stop(index);
}

function start(index: number, block: object): string {
  return frame('content_block_start', { type: 'content_block_start', index, content_block: block });
}

function delta(index: number, change: object): string {
  return frame('content_block_delta', { type: 'content_block_delta', index, delta: change });
}

function stop(index: number): string {
  return frame('content_block_stop', { type: 'content_block_stop', index });
}

function frame(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
