import type { ProviderRequest } from '../../contracts/provider.js';
import type { ContentFile } from '../../contracts/task-content.js';
import { allTools, bodyParts, type Protocol } from '../model/body-parts.js';
import { base64Of, textOf } from '../model/file-content.js';
import type { ModelMessage, ModelToolDefinition, UserPart } from '../model/model-step.js';
import { objectInput } from '../model/tool-input.js';
import { anthropicFileTokens } from './file-tokens.js';
import { messagesFormat } from './messages-schema.js';
import { markForCache, type PromptCache } from './prompt-cache.js';

/** The API requires a limit in every request. In tokens. */
export const DEFAULT_MAX_TOKENS = 4_096;

const PROTOCOL: Protocol = {
  names: {
    maxTokens: 'max_tokens',
    topP: 'top_p',
    topK: 'top_k',
    stopSequences: 'stop_sequences',
  },
  reserved: new Set(['model', 'messages', 'system', 'stream']),
  writeFormat: messagesFormat,
};

/** The body of a request in the form of the Messages API. */
export function messagesBody(
  model: string,
  request: ProviderRequest,
  messages: readonly ModelMessage[],
  tools: readonly ModelToolDefinition[],
  nativeOutput: boolean,
  promptCache: PromptCache,
): Record<string, unknown> {
  const { params, format, system } = bodyParts(request, PROTOCOL, nativeOutput);
  const body: Record<string, unknown> = { max_tokens: DEFAULT_MAX_TOKENS, ...params, model };
  body.messages = mergeTurns(messages.map(toMessage));
  if (system !== '') body.system = system;
  if (tools.length > 0) body.tools = allTools(params, tools, toTool);
  if (format !== undefined) {
    body.output_config = {
      ...(params.output_config as object | undefined),
      format: { type: 'json_schema', schema: format.schema },
    };
  }
  markForCache(body, model, promptCache, fileTokensOf(messages));
  return body;
}

function fileTokensOf(messages: readonly ModelMessage[]): number {
  let tokens = 0;
  for (const message of messages) {
    if (!('parts' in message)) continue;
    for (const part of message.parts)
      if (part.type === 'file' && part.file.kind !== 'text') tokens += anthropicFileTokens(part.file);
  }
  return tokens;
}

/** A turn in the form of the Messages API. */
interface MessageTurn {
  readonly role: 'user' | 'assistant';
  readonly content: unknown;
}

/** One turn of several that follow each other with the same role: results of tools and what the user says to them. */
function mergeTurns(turns: readonly MessageTurn[]): MessageTurn[] {
  const merged: MessageTurn[] = [];
  for (const turn of turns) {
    const before = merged.at(-1);
    if (before?.role !== turn.role) merged.push(turn);
    else merged[merged.length - 1] = { ...before, content: [...blocksOf(before), ...blocksOf(turn)] };
  }
  return merged;
}

function blocksOf({ content }: MessageTurn): readonly unknown[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : (content as unknown[]);
}

function toMessage(message: ModelMessage): MessageTurn {
  switch (message.role) {
    case 'user':
      return { role: 'user', content: 'text' in message ? message.text : message.parts.map(userBlock) };
    case 'assistant':
      return { role: 'assistant', content: assistantContent(message) };
    case 'tool':
      return {
        role: 'user',
        content: message.results.map(({ id, output, isError }) => ({
          type: 'tool_result',
          tool_use_id: id,
          content: output,
          ...(isError ? { is_error: true } : {}),
        })),
      };
  }
}

function userBlock(part: UserPart): object {
  return part.type === 'text' ? { type: 'text', text: part.text } : fileBlock(part.file);
}

function fileBlock(file: ContentFile): object {
  if (file.kind === 'text')
    return documentBlock(file, { type: 'text', media_type: 'text/plain', data: textOf(file) });
  const source = { type: 'base64', media_type: file.mediaType, data: base64Of(file) };
  return file.kind === 'image' ? { type: 'image', source } : documentBlock(file, source);
}

function documentBlock({ name }: ContentFile, source: object): object {
  return { type: 'document', source, title: name };
}

type AssistantMessage = Extract<ModelMessage, { role: 'assistant' }>;

/** The API rejects a turn without content. */
const NO_CONTENT = '(no content)';

function assistantContent(message: AssistantMessage): unknown {
  const content = message.raw ?? assistantBlocks(message);
  return Array.isArray(content) && content.length === 0 ? NO_CONTENT : content;
}

function assistantBlocks({ text, toolCalls }: AssistantMessage): string | object[] {
  if (toolCalls.length === 0 && text.trim() !== '') return text;
  return [
    ...(text.trim() === '' ? [] : [{ type: 'text', text }]),
    ...toolCalls.map(({ id, name, input }) => ({ type: 'tool_use', id, name, input: objectInput(input) })),
  ];
}

function toTool({ name, description, inputSchema }: ModelToolDefinition): Record<string, unknown> {
  return { name, ...(description === undefined ? {} : { description }), input_schema: inputSchema };
}
