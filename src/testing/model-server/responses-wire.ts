import type { FullAnswer } from './scripted-answer.js';
import type { Wire } from './wire.js';

/** OpenAI's Responses API. */
export const responsesWire: Wire = {
  json: (answer) => response(answer, [...answer.pieces].join('')),
  events: responseEvents,
  error: ({ type, code, message }) => ({ error: { message, type, code: code ?? null, param: null } }),
  errorEvent: ({ type, code, message }) =>
    frame('error', { type: 'error', code: code ?? type, message, param: null, sequence_number: 1 }),
};

function response(answer: FullAnswer, text: string): Record<string, unknown> {
  const isCut = answer.finish === 'length' || answer.finish === 'content-filter';
  return {
    id: 'resp_scripted',
    object: 'response',
    created_at: 0,
    model: answer.modelName,
    status: isCut ? 'incomplete' : 'completed',
    error: null,
    incomplete_details: isCut
      ? { reason: answer.finish === 'length' ? 'max_output_tokens' : 'content_filter' }
      : null,
    output: [...reasoningItems(answer), ...messageItems(answer, text), ...callItems(answer)],
    usage: usageBody(answer),
  };
}

function reasoningItems(answer: FullAnswer): object[] {
  if (answer.reasoning === undefined) return [];
  const summary = [{ type: 'summary_text', text: answer.reasoning.join('') }];
  return [{ id: 'rs_0', type: 'reasoning', summary }];
}

function messageItems(answer: FullAnswer, text: string): object[] {
  if (text === '' && answer.calls.length > 0) return [];
  const part =
    answer.finish === 'refusal'
      ? { type: 'refusal', refusal: text }
      : { type: 'output_text', text, annotations: [] };
  return [{ id: 'msg_0', type: 'message', role: 'assistant', status: 'completed', content: [part] }];
}

function callItems(answer: FullAnswer): object[] {
  return answer.calls.map(({ id, name, argumentsText }, place) => ({
    id: `fc_${place}`,
    type: 'function_call',
    call_id: id,
    name,
    arguments: argumentsText,
    status: 'completed',
  }));
}

function usageBody({ tokens }: FullAnswer): object {
  const input = tokens.inputTokens + tokens.cacheReadTokens + tokens.cacheWriteTokens;
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: tokens.cacheReadTokens,
      cache_write_tokens: tokens.cacheWriteTokens,
    },
    output_tokens: tokens.outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + tokens.outputTokens,
  };
}

function* responseEvents(answer: FullAnswer): Generator<string> {
  yield event('response.created', {
    response: { ...response(answer, ''), status: 'in_progress', output: [] },
  });
  for (const delta of answer.reasoning ?? []) {
    yield event('response.reasoning_summary_text.delta', { item_id: 'rs_0', output_index: 0, delta });
  }
  const kind = answer.finish === 'refusal' ? 'response.refusal.delta' : 'response.output_text.delta';
  let text = '';
  for (const delta of answer.pieces) {
    text += delta;
    yield event(kind, { item_id: 'msg_0', output_index: 0, content_index: 0, delta });
  }
  for (const [place, item] of callItems(answer).entries()) {
    yield event('response.output_item.added', { output_index: place + 1, item: { ...item, arguments: '' } });
    yield event('response.function_call_arguments.delta', { output_index: place + 1, delta: '{' });
    yield event('response.output_item.done', { output_index: place + 1, item });
  }
  const whole = response(answer, text);
  yield event(`response.${whole.status === 'incomplete' ? 'incomplete' : 'completed'}`, { response: whole });
}

function event(type: string, fields: object): string {
  return frame(type, { type, sequence_number: 0, ...fields });
}

function frame(type: string, data: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
