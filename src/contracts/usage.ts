/** Tokens that a call used. Zeros where the agent reported nothing. */
export interface Usage {
  /** Tokens sent to the model, without those read from or written to its prompt cache. */
  inputTokens: number;
  /** Tokens the model produced. */
  outputTokens: number;
  /** Tokens read from the provider's prompt cache. */
  cacheReadTokens?: number;
  /** Tokens written to the provider's prompt cache. */
  cacheWriteTokens?: number;
  /** All of them together. */
  totalTokens: number;
}

/** Why a model stopped. `stop` is a complete answer. */
export type FinishReason =
  | 'stop'
  | 'length'
  | 'tool-calls'
  | 'content-filter'
  | 'refusal'
  | 'error'
  | 'other';
