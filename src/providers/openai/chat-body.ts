import type { ProviderRequest } from '../../contracts/provider.js';
import { allTools, bodyParts, type Protocol } from '../model/body-parts.js';
import { dataUrlOf, namedText } from '../model/file-content.js';
import type { ModelMessage, ModelToolDefinition, UserPart } from '../model/model-step.js';
import { objectText } from '../model/tool-input.js';
import { strictFormat } from './strict-schema.js';

const PROTOCOL: Protocol = {
  names: {
    maxTokens: 'max_completion_tokens',
    topP: 'top_p',
    stopSequences: 'stop',
    frequencyPenalty: 'frequency_penalty',
    presencePenalty: 'presence_penalty',
  },
  reserved: new Set(['model', 'messages', 'stream', 'stream_options']),
  writeFormat: strictFormat,
};

/** The body of a request in the form of the Chat Completions API. */
export function chatBody(
  model: string,
  request: ProviderRequest,
  messages: readonly ModelMessage[],
  tools: readonly ModelToolDefinition[],
  nativeOutput: boolean,
): Record<string, unknown> {
  const { params, format, system } = bodyParts(request, PROTOCOL, nativeOutput);
  const body: Record<string, unknown> = { ...params, model };
  body.messages = [
    ...(system === '' ? [] : [{ role: 'system', content: system }]),
    ...messages.flatMap(toMessages),
  ];
  if (tools.length > 0) body.tools = allTools(params, tools, toTool);
  if (format !== undefined) {
    const schema = { name: 'answer', schema: format.schema, strict: format.isStrict };
    body.response_format = { type: 'json_schema', json_schema: schema };
  }
  return body;
}

function toMessages(message: ModelMessage): object[] {
  switch (message.role) {
    case 'user':
      return [{ role: 'user', content: 'text' in message ? message.text : message.parts.map(userPart) }];
    case 'assistant':
      return [(message.raw as object | undefined) ?? assistantMessage(message)];
    case 'tool':
      return message.results.map(({ id, output }) => ({ role: 'tool', tool_call_id: id, content: output }));
  }
}

function userPart(part: UserPart): object {
  if (part.type === 'text') return { type: 'text', text: part.text };
  const { file } = part;
  switch (file.kind) {
    case 'image':
      return { type: 'image_url', image_url: { url: dataUrlOf(file) } };
    case 'pdf':
      return { type: 'file', file: { filename: file.name, file_data: dataUrlOf(file) } };
    default:
      return { type: 'text', text: namedText(file) };
  }
}

function assistantMessage({ text, toolCalls }: Extract<ModelMessage, { role: 'assistant' }>): object {
  if (toolCalls.length === 0) return { role: 'assistant', content: text };
  return {
    role: 'assistant',
    content: text === '' ? null : text,
    tool_calls: toolCalls.map(({ id, name, input }) => ({
      id,
      type: 'function',
      function: { name, arguments: objectText(input) },
    })),
  };
}

function toTool({ name, description, inputSchema }: ModelToolDefinition): object {
  return {
    type: 'function',
    function: { name, ...(description === undefined ? {} : { description }), parameters: inputSchema },
  };
}
