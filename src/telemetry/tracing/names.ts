// The names of OpenTelemetry's conventions for generative AI, which are still being developed, all in one place; and those
// of what the conventions have no names for, which begin with `tutti.`.

/** Names of attributes. */
export const ATTRIBUTES = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  agent: 'gen_ai.agent.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  finishReasons: 'gen_ai.response.finish_reasons',
  tokenType: 'gen_ai.token.type',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_creation.input_tokens',
  toolName: 'gen_ai.tool.name',
  toolCallId: 'gen_ai.tool.call.id',
  inputMessages: 'gen_ai.input.messages',
  outputMessages: 'gen_ai.output.messages',
  errorType: 'error.type',
  callId: 'tutti.call.id',
  tenant: 'tutti.tenant',
  priority: 'tutti.call.priority',
  taskChars: 'tutti.task.chars',
  attempts: 'tutti.call.attempts',
  attempt: 'tutti.attempt.number',
  attemptKind: 'tutti.attempt.kind',
  target: 'tutti.attempt.target',
  queuedMs: 'tutti.queue.duration_ms',
  delayMs: 'tutti.retry.delay_ms',
  afterMs: 'tutti.hedge.after_ms',
  cacheSource: 'tutti.cache.source',
  lane: 'tutti.lane',
  waitReason: 'tutti.wait.reason',
  fallbackFrom: 'tutti.fallback.from',
  fallbackTo: 'tutti.fallback.to',
  costUsd: 'tutti.cost.usd',
  savedUsd: 'tutti.saved.usd',
  outcome: 'tutti.call.outcome',
} as const;

/** Limits of the buckets of each histogram, as the conventions have them; in seconds or tokens. */
export const BUCKETS = {
  agentSeconds: Array.from({ length: 13 }, (_, power) => 0.1 * 2 ** power),
  clientSeconds: Array.from({ length: 14 }, (_, power) => 0.01 * 2 ** power),
  tokens: Array.from({ length: 14 }, (_, power) => 4 ** power),
};

/** Name of the instrumentation. */
export const SCOPE = 'tutti';
