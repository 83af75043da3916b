import type { ProviderRequest } from '../../contracts/provider.js';
import { allTools, bodyParts, type Protocol } from '../model/body-parts.js';
import type { ModelMessage, ModelToolDefinition } from '../model/model-step.js';
import { objectText } from '../model/tool-input.js';

const PROTOCOL: Protocol = {
  names: { maxTokens: 'max_output_tokens', topP: 'top_p' },
  reserved: new Set(['model', 'input', 'instructions', 'stream']),
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
    const answer = { type: 'json_schema', name: 'answer', schema: format.schema, strict: format.allRequired };
    body.text = { ...(params.text as object | undefined), format: answer };
  }
  return body;
}

function toItems(message: ModelMessage): readonly object[] {
  switch (message.role) {
    case 'user':
      return [{ role: 'user', content: message.text }];
    case 'assistant':
      return (message.raw as readonly object[] | undefined) ?? assistantItems(message);
    case 'tool':
      return message.results.map(({ id, output }) => ({ type: 'function_call_output', call_id: id, output }));
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
