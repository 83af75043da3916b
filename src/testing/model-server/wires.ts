import { chatWire } from './chat-wire.js';
import { messagesWire } from './messages-wire.js';
import { responsesWire } from './responses-wire.js';
import type { ModelApi } from './scripted-answer.js';
import type { Wire } from './wire.js';

const WIRES: Readonly<Record<ModelApi, Wire>> = {
  messages: messagesWire,
  chat: chatWire,
  responses: responsesWire,
};

/** Where Bedrock and Vertex AI offer the Messages API. */
const CLOUD_PATH = /\/model\/[^/]+\/invoke(-with-response-stream)?$|:(rawP|streamRawP)redict$/;

/** Whether a path asks for a stream, as those of Bedrock and Vertex AI do. */
export function isStreamPath(path: string): boolean {
  return CLOUD_PATH.test(path) && /stream/i.test(path);
}

/** The protocol of a path, with or without a leading `/v1`. */
export function apiOfPath(path: string): ModelApi | undefined {
  if (path.endsWith('/messages') || CLOUD_PATH.test(path)) return 'messages';
  if (path.endsWith('/chat/completions')) return 'chat';
  return path.endsWith('/responses') ? 'responses' : undefined;
}

/** How the protocol writes answers. */
export function wireOf(api: ModelApi): Wire {
  return WIRES[api];
}

/** The error type that providers report with this status. */
export function errorTypeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 413) return 'request_too_large';
  if (status === 429) return 'rate_limit_error';
  if (status === 529) return 'overloaded_error';
  return status >= 500 ? 'api_error' : 'invalid_request_error';
}
