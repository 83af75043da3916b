import type { ProviderRequest } from '../../contracts/provider.js';
import type { ModelMessage, ModelToolDefinition } from '../model-step.js';
import { bodyParams } from '../params.js';
import { outputRequest } from '../structured-output.js';

const NAMES = { maxTokens: 'max_output_tokens', topP: 'top_p' };
const RESERVED: ReadonlySet<string> = new Set(['model', 'input', 'instructions', 'stream']);

/** A request in the words of the Responses API. */
export function responsesBody(
  model: string,
  request: ProviderRequest,
  messages: readonly ModelMessage[],
  tools: readonly ModelToolDefinition[],
  nativeOutput: boolean,
): Record<string, unknown> {
  const params = bodyParams(request.params, NAMES, RESERVED);
  const { format, instruction } = outputRequest(request.output, nativeOutput);
  const system = [request.instructions, instruction]
    .filter((text) => text !== undefined && text !== '')
    .join('\n\n');
  const body: Record<string, unknown> = { ...params, model, input: messages.flatMap(toItems) };
  if (system !== '') body.instructions = system;
  if (tools.length > 0)
    body.tools = [...(Array.isArray(params.tools) ? params.tools : []), ...tools.map(toTool)];
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
      arguments: typeof input === 'string' ? input : JSON.stringify(input),
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
