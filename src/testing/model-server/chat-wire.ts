import type { FinishReason } from '../../contracts/usage.js';
import type { FullAnswer } from './scripted-answer.js';
import type { Wire } from './wire.js';

const FINISH_REASONS: Partial<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
};

/** OpenAI's Chat Completions API, as other servers speak it too. */
export const chatWire: Wire = {
  json: (answer) => ({
    id: 'chatcmpl-scripted',
    object: 'chat.completion',
    created: 0,
    model: answer.modelName,
    choices: [
      {
        index: 0,
        message: message(answer),
        finish_reason: FINISH_REASONS[answer.finish] ?? 'stop',
        logprobs: null,
      },
    ],
    usage: usageBody(answer),
  }),
  events: chatEvents,
  error: ({ type, code, message }) => ({ error: { message, type, code: code ?? null, param: null } }),
  errorEvent: (error) => frame(chatWire.error(error)),
};

function message(answer: FullAnswer): object {
  const text = [...answer.pieces].join('');
  const refused = answer.finish === 'refusal';
  return {
    role: 'assistant',
    content: refused || (text === '' && answer.calls.length > 0) ? null : text,
    refusal: refused ? text : null,
    ...(answer.reasoning === undefined ? {} : { reasoning_content: answer.reasoning.join('') }),
    ...(answer.calls.length === 0 ? {} : { tool_calls: answer.calls.map(toolCall) }),
  };
}

function toolCall({ id, name, argumentsText }: FullAnswer['calls'][number]): object {
  return { id, type: 'function', function: { name, arguments: argumentsText } };
}

function usageBody({ tokens }: FullAnswer): object {
  const prompt = tokens.inputTokens + tokens.cacheReadTokens + tokens.cacheWriteTokens;
  return {
    prompt_tokens: prompt,
    completion_tokens: tokens.outputTokens,
    total_tokens: prompt + tokens.outputTokens,
    prompt_tokens_details: {
      cached_tokens: tokens.cacheReadTokens,
      cache_write_tokens: tokens.cacheWriteTokens,
    },
  };
}

function* chatEvents(answer: FullAnswer): Generator<string> {
  yield chunk(answer, { role: 'assistant', content: '' });
  for (const reasoning_content of answer.reasoning ?? []) yield chunk(answer, { reasoning_content });
  const field = answer.finish === 'refusal' ? 'refusal' : 'content';
  for (const piece of answer.pieces) yield chunk(answer, { [field]: piece });
  for (const [index, call] of answer.calls.entries()) {
    const { id, name, argumentsText } = call;
    const middle = Math.ceil(argumentsText.length / 2);
    const first = { name, arguments: argumentsText.slice(0, middle) };
    yield chunk(answer, { tool_calls: [{ index, id, type: 'function', function: first }] });
    yield chunk(answer, { tool_calls: [{ index, function: { arguments: argumentsText.slice(middle) } }] });
  }
  yield chunk(answer, {}, FINISH_REASONS[answer.finish] ?? 'stop');
  yield frame({ ...envelope(answer), choices: [], usage: usageBody(answer) });
  yield 'data: [DONE]\n\n';
}

function chunk(answer: FullAnswer, delta: object, finishReason: string | null = null): string {
  return frame({ ...envelope(answer), choices: [{ index: 0, delta, finish_reason: finishReason }] });
}

function envelope(answer: FullAnswer): object {
  return { id: 'chatcmpl-scripted', object: 'chat.completion.chunk', created: 0, model: answer.modelName };
}

function frame(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
