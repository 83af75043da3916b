import type { ModelDialect } from '../model/model-provider.js';
import { createDialect } from '../model/model-round-trip.js';
import type { ClientPromise, ClientRequestOptions } from '../transport/client-exchange.js';
import type { ClientSource } from '../transport/client-source.js';
import { minimumCachedTokens } from './cache-minimums.js';
import { anthropicFileTokens } from './file-tokens.js';
import { isMessageAnswer, type MessageAnswer, stepFromMessage } from './messages-answer.js';
import { DEFAULT_MAX_TOKENS, messagesBody } from './messages-body.js';
import { type MessageStreamEvent, MessageStreamReader } from './messages-stream.js';
import type { PromptCache } from './prompt-cache.js';

/** The part of the official client that is used. */
export interface AnthropicClient {
  readonly messages: {
    create(body: object, options: ClientRequestOptions): ClientPromise<unknown>;
  };
}

/** The Messages API. */
export function anthropicDialect(
  clients: ClientSource<AnthropicClient>,
  nativeOutput: boolean,
  promptCache: PromptCache,
): ModelDialect {
  return createDialect<AnthropicClient, MessageAnswer, MessageStreamEvent>(
    {
      name: 'anthropic',
      lengthParams: ['maxTokens', 'max_tokens'],
      fileTokens: (_model, file) => anthropicFileTokens(file),
      defaultMaxTokens: DEFAULT_MAX_TOKENS,
      ...(promptCache === false ? {} : { minimumCachedTokens }),
      body: (model, request, { messages, tools }) =>
        messagesBody(model, request, messages, tools, nativeOutput, promptCache),
      streamBody: { stream: true },
      send: (client, body, options) => client.messages.create(body, options),
      isAnswer: isMessageAnswer,
      step: stepFromMessage,
      reader: () => new MessageStreamReader(),
    },
    clients,
  );
}
