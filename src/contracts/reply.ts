import type { StreamEvent } from './stream-event.js';
import type { ToolStep } from './tool.js';
import type { FinishReason, Usage } from './usage.js';

/** A reply with more than text. */
export interface AgentReplyObject {
  /** The answer. */
  output: string;
  /** The answer as a value; validated against the definition's `output` schema when there is one. */
  data?: unknown;
  /** Tokens used. */
  usage?: Partial<Usage> | undefined;
  /** What the answer cost, in US dollars. */
  costUsd?: number | undefined;
  /** The model that answered. */
  model?: string | undefined;
  /** Why it stopped; `stop` when left out. */
  finishReason?: FinishReason | undefined;
  /** The round trips to the model and the tools it used, where the agent has tools. */
  steps?: readonly ToolStep[] | undefined;
}

/** What an agent function gives back: text, or text with usage, cost and the like. */
export type AgentReply = string | AgentReplyObject;

/** What a provider's stream can return when it is complete: what its events do not say. */
export type StreamSummary = Pick<AgentReplyObject, 'costUsd' | 'model' | 'steps'>;

/** What a streaming agent function gives back: pieces of text, or whole stream events. */
export type AgentStreamReply = AsyncIterable<string | StreamEvent>;
