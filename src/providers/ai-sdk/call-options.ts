import type { ProviderRequest } from '../../contracts/provider.js';
import { namedText } from '../model/file-content.js';
import type { ModelMessage, ModelStepRequest, ModelToolDefinition, UserPart } from '../model/model-step.js';
import { bodyParams } from '../model/params.js';
import { outputRequest, wholeFormat } from '../model/structured-output.js';
import { objectInput } from '../model/tool-input.js';
import type { AnswerPart } from './language-model.js';

const NAMES = { maxTokens: 'maxOutputTokens' };
const RESERVED: ReadonlySet<string> = new Set(['prompt', 'tools', 'abortSignal', 'responseFormat']);

/** The call options of a request, in the form of the language model interface. */
export function callOptions(
  request: ProviderRequest,
  { messages, tools }: ModelStepRequest,
  abortSignal: AbortSignal,
  nativeOutput: boolean,
): Record<string, unknown> {
  const { format, instruction } = outputRequest(request.output, nativeOutput ? wholeFormat : undefined);
  const system = [request.instructions, instruction]
    .filter((text) => text !== undefined && text !== '')
    .join('\n\n');
  return {
    ...bodyParams(request.params, NAMES, RESERVED),
    prompt: [
      ...(system === '' ? [] : [{ role: 'system', content: system }]),
      ...messages.map(toPromptMessage),
    ],
    abortSignal,
    ...(tools.length === 0 ? {} : { tools: tools.map(toTool), toolChoice: { type: 'auto' } }),
    ...(format === undefined ? {} : { responseFormat: { type: 'json', schema: format.schema } }),
  };
}

function toPromptMessage(message: ModelMessage): object {
  switch (message.role) {
    case 'user':
      return {
        role: 'user',
        content: 'text' in message ? [{ type: 'text', text: message.text }] : message.parts.map(userPart),
      };
    case 'assistant':
      return { role: 'assistant', content: (message.raw as object | undefined) ?? assistantParts(message) };
    case 'tool':
      return {
        role: 'tool',
        content: message.results.map(({ id, name, output, isError }) => ({
          type: 'tool-result',
          toolCallId: id,
          toolName: name,
          output: { type: isError ? 'error-text' : 'text', value: output },
        })),
      };
  }
}

/** Text is sent as text: few of the models take files of text. */
function userPart(part: UserPart): object {
  if (part.type === 'text') return { type: 'text', text: part.text };
  const { file } = part;
  if (file.kind === 'text') return { type: 'text', text: namedText(file) };
  return { type: 'file', mediaType: file.mediaType, data: file.bytes, filename: file.name };
}

function assistantParts({ text, toolCalls }: Extract<ModelMessage, { role: 'assistant' }>): object[] {
  return [
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...toolCalls.map(({ id, name, input }) => ({
      type: 'tool-call',
      toolCallId: id,
      toolName: name,
      input: objectInput(input),
    })),
  ];
}

/** The parts of an answer as parts of a prompt, with the metadata that the provider attached to them. */
export function promptParts(content: readonly AnswerPart[], inputOf: (text: unknown) => unknown): object[] {
  return content.flatMap((part): object[] => {
    const attached = part.providerMetadata === undefined ? {} : { providerOptions: part.providerMetadata };
    if (part.type === 'text' && (part.text ?? '').trim() === '') return [];
    if (part.type === 'text' || part.type === 'reasoning') {
      return [{ type: part.type, text: part.text ?? '', ...attached }];
    }
    if (part.type !== 'tool-call') return [];
    const { toolCallId, toolName, input } = part;
    return [{ type: 'tool-call', toolCallId, toolName, input: inputOf(input), ...attached }];
  });
}

function toTool({ name, description, inputSchema }: ModelToolDefinition): object {
  return { type: 'function', name, ...(description === undefined ? {} : { description }), inputSchema };
}
