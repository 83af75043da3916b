import type { ModelDialect } from '../model/model-provider.js';
import { createDialect } from '../model/model-round-trip.js';
import type { ClientPromise, ClientRequestOptions } from '../transport/client-exchange.js';
import type { ClientSource } from '../transport/client-source.js';
import { openaiFileTokens } from './file-tokens.js';
import { MINIMUM_CACHED_TOKENS } from './openai-usage.js';
import { isResponseAnswer, type ResponseAnswer, stepFromResponse } from './responses-answer.js';
import { responsesBody } from './responses-body.js';
import { type ResponseEvent, ResponseStreamReader } from './responses-stream.js';

/** The part of the official client that the Responses API needs. */
export interface ResponsesClient {
  readonly responses: {
    create(body: object, options: ClientRequestOptions): ClientPromise<unknown>;
  };
}

/** The Responses API. */
export function responsesDialect(
  clients: ClientSource<ResponsesClient>,
  nativeOutput: boolean,
): ModelDialect {
  return createDialect<ResponsesClient, ResponseAnswer, ResponseEvent>(
    {
      name: 'openai',
      minimumCachedTokens: () => MINIMUM_CACHED_TOKENS,
      lengthParams: ['maxTokens', 'max_output_tokens'],
      fileTokens: openaiFileTokens,
      body: (model, request, { messages, tools }) =>
        responsesBody(model, request, messages, tools, nativeOutput),
      streamBody: { stream: true },
      send: (client, body, options) => client.responses.create(body, options),
      isAnswer: isResponseAnswer,
      step: stepFromResponse,
      reader: () => new ResponseStreamReader(),
    },
    clients,
  );
}
