import type { FinishReason } from '../../contracts/usage.js';

/**
 * How an answer ended. `paused`: the provider wants it sent back, to continue it. `failed`: the provider gave up, so it
 * is not an answer.
 */
export type AnswerEnd = FinishReason | 'paused' | 'failed';

/** The words of all protocols and gateways, in lower case with underscores. */
const ENDS: Readonly<Record<Exclude<AnswerEnd, 'other' | 'error'>, readonly string[]>> = {
  stop: [
    'stop',
    'end_turn',
    'stop_sequence',
    'eos',
    'eos_token',
    'stop_token',
    'complete',
    'completed',
    'done',
    'end',
  ],
  length: [
    'length',
    'max_tokens',
    'max_token',
    'max_output_tokens',
    'max_completion_tokens',
    'max_length',
    'max_new_tokens',
    'model_length',
    'token_limit',
    'length_limit',
    'model_context_window_exceeded',
    'context_length_exceeded',
    'context_window_exceeded',
    'repetition_truncation',
  ],
  'tool-calls': ['tool_calls', 'tool_call', 'tool_use', 'function_call', 'function_calls'],
  'content-filter': [
    'content_filter',
    'content_filtered',
    'content_policy',
    'filtered',
    'safety',
    'recitation',
    'blocklist',
    'prohibited_content',
    'spii',
    'sensitive',
    'image_safety',
    'image_prohibited_content',
    'moderation',
    'guardrail_intervened',
    'error_toxic',
  ],
  refusal: ['refusal', 'refused'],
  paused: ['pause_turn', 'pause'],
  failed: [
    'error',
    'failed',
    'network_error',
    'connection_error',
    'internal_error',
    'server_error',
    'system_error',
    'insufficient_system_resource',
    'abort',
    'aborted',
    'cancel',
    'cancelled',
    'canceled',
    'interrupted',
    'timeout',
    'overloaded',
    'malformed_function_call',
    'malformed_response',
    'malformed_tool_use',
    'malformed_model_output',
    'unexpected_tool_call',
  ],
};

const END_OF_WORD: ReadonlyMap<string, AnswerEnd> = new Map(
  Object.entries(ENDS).flatMap(([end, words]) => words.map((word) => [word, end as AnswerEnd] as const)),
);

/** Whether the provider gives a reason: gateways send an empty string where others send `null` or nothing. */
export function isReason(reason: unknown): reason is string {
  return typeof reason === 'string' && reason.trim() !== '' && reason.trim().toLowerCase() !== 'null';
}

/** How an answer ended, from the provider's word in any spelling; `other` for an unknown word and for none. */
export function answerEnd(reason: unknown): AnswerEnd {
  if (!isReason(reason)) return 'other';
  const word = reason
    .trim()
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[\s-]+/g, '_')
    .replace(/^(finish|stop)_reason_/, '');
  return END_OF_WORD.get(word) ?? 'other';
}

/** The two ends that are not a reason to finish, as fields of a step. */
export function endFields(
  reason: unknown,
  failure: unknown,
): { finishReason: FinishReason; isPaused?: true; failure?: unknown } {
  if (isPresent(failure)) return { finishReason: 'error', failure };
  const end = answerEnd(reason);
  if (end === 'paused') return { finishReason: 'other', isPaused: true };
  if (end !== 'failed') return { finishReason: end };
  const message = `the answer ended with the reason "${String(reason)}", which is a failure of the provider`;
  return { finishReason: 'error', failure: { error: { code: 502, type: String(reason), message } } };
}

function isPresent(failure: unknown): boolean {
  return failure !== undefined && failure !== null && failure !== '' && failure !== false;
}
