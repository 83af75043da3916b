import type { ModelDialect } from '../model/model-provider.js';
import { createDialect } from '../model/model-round-trip.js';
import type { ClientPromise, ClientRequestOptions } from '../transport/client-exchange.js';
import type { ClientSource } from '../transport/client-source.js';
import { type ChatAnswer, isChatAnswer, stepFromChat } from './chat-answer.js';
import { chatBody } from './chat-body.js';
import { type ChatChunk, ChatStreamReader } from './chat-stream.js';
import { openaiFileTokens } from './file-tokens.js';
import { MINIMUM_CACHED_TOKENS } from './openai-usage.js';

/** The part of the official client that the Chat Completions API needs. */
export interface ChatClient {
  readonly chat: {
    readonly completions: {
      create(body: object, options: ClientRequestOptions): ClientPromise<unknown>;
    };
  };
}

/** The Chat Completions API. */
export function chatDialect(clients: ClientSource<ChatClient>, nativeOutput: boolean): ModelDialect {
  return createDialect<ChatClient, ChatAnswer, ChatChunk>(
    {
      name: 'openai',
      minimumCachedTokens: () => MINIMUM_CACHED_TOKENS,
      lengthParams: ['maxTokens', 'max_completion_tokens', 'max_tokens'],
      fileTokens: openaiFileTokens,
      body: (model, request, { messages, tools }) => chatBody(model, request, messages, tools, nativeOutput),
      // Without this a stream does not report its usage.
      streamBody: { stream: true, stream_options: { include_usage: true } },
      send: (client, body, options) => client.chat.completions.create(body, options),
      isAnswer: isChatAnswer,
      step: stepFromChat,
      reader: () => new ChatStreamReader(),
    },
    clients,
  );
}
