import type { ProviderRequest } from '../../contracts/provider.js';
import { allTools, bodyParts, type Protocol } from '../model/body-parts.js';
import { dataUrlOf, namedText } from '../model/file-content.js';
import type { ModelMessage, ModelToolDefinition, UserPart } from '../model/model-step.js';
import { objectText } from '../model/tool-input.js';
import { strictFormat } from './strict-schema.js';

const PROTOCOL: Protocol = {
  names: { maxTokens: 'max_output_tokens', topP: 'top_p' },
  reserved: new Set(['model', 'input', 'instructions', 'stream']),
  writeFormat: strictFormat,
};

/** The body of a request in the form of the Responses API. */
export function responsesBody(
  model: string,
  request: ProviderRequest,
  messages: readonly ModelMessage[],
  tools: readonly ModelToolDefinition[],
  nativeOutput: boolean,
): Record<string, unknown> {
  const { params, format, system } = bodyParts(request, PROTOCOL, nativeOutput);
  const body: Record<string, unknown> = { ...params, model, input: messages.flatMap(toItems) };
  if (system !== '') body.instructions = system;
  if (tools.length > 0) body.tools = allTools(params, tools, toTool);
  if (format !== undefined) {
    const answer = { type: 'json_schema', name: 'answer', schema: format.schema, strict: format.isStrict };
    body.text = { ...(params.text as object | undefined), format: answer };
  }
  return body;
}

function toItems(message: ModelMessage): readonly object[] {
  switch (message.role) {
    case 'user':
      return [{ role: 'user', content: 'text' in message ? message.text : message.parts.map(userPart) }];
    case 'assistant':
      return (message.raw as readonly object[] | undefined) ?? assistantItems(message);
    case 'tool':
      return message.results.map(({ id, output }) => ({ type: 'function_call_output', call_id: id, output }));
  }
}

function userPart(part: UserPart): object {
  if (part.type === 'text') return { type: 'input_text', text: part.text };
  const { file } = part;
  switch (file.kind) {
    case 'image':
      return { type: 'input_image', detail: 'auto', image_url: dataUrlOf(file) };
    case 'pdf':
      return { type: 'input_file', filename: file.name, file_data: dataUrlOf(file) };
    default:
      return { type: 'input_text', text: namedText(file) };
  }
}

function assistantItems({ text, toolCalls }: Extract<ModelMessage, { role: 'assistant' }>): object[] {
  return [
    ...(text === '' ? [] : [{ role: 'assistant', content: text }]),
    ...toolCalls.map(({ id, name, input }) => ({
      type: 'function_call',
      call_id: id,
      name,
      arguments: objectText(input),
    })),
  ];
}

function toTool({ name, description, inputSchema }: ModelToolDefinition): object {
  return {
    type: 'function',
    name,
    ...(description === undefined ? {} : { description }),
    parameters: inputSchema,
    strict: false,
  };
}
